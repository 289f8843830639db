// Values that only their owner sees.
#pragma once

#include <string_view>

namespace hadal::cluster {

constexpr std::string_view kHiddenValue = "***";

// A key as secrets have it: TOKEN, KEY, PASSWORD or SECRET in capitals anywhere (HF_TOKEN_2), or in any case as its
// last word (api_key, db.password). "tokens" and "key_dim" are none.
bool is_secret_key(std::string_view key);

}  // namespace hadal::cluster
