// Describes mistakes in JSON text for base/json.cc: what was found and where, independent of the parser's messages.
#pragma once

#include <string>
#include <string_view>

namespace hadal {

// "at byte 17", or "at line 3, column 5" where the text has several lines. `at` counts from 0.
std::string json_position(std::string_view text, size_t at);

// What the parser found after `num_read` bytes (the end counts as one), and where. `token`: what it was reading then.
std::string describe_json_mistake(std::string_view text, size_t num_read, std::string_view token);

// The position of the first escape from `from` on (which is not within one) that is half a surrogate pair, "\ud83d"
// without
// "\ude00" after it or the other way round; npos: none.
size_t find_lone_surrogate(std::string_view text, size_t from);

}  // namespace hadal
