// What counts as a secret, by its name.
#pragma once

#include <string_view>

namespace hadal::cluster {

constexpr std::string_view kHiddenValue = "***";

// A variable of an environment: TOKEN, KEY, PASSWORD or SECRET in any case, anywhere. Rather one too many: its value is
// masked where it is written, and nothing else is lost.
bool is_secret_variable(std::string_view name);

// A key of parameters, tags and options: one of these in capitals anywhere (HF_TOKEN_2), or in any case as its last
// word (api_key, db.password). "tokens" and "key_dim" are none.
bool is_secret_key(std::string_view key);

}  // namespace hadal::cluster
