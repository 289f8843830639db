// What an error shows of something that it found: a line at most, whatever stands in the file or the request.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hadal {

constexpr size_t kBriefChars = 80;

// `text` when it is short; else its first `limit` characters, "..." and how many bytes it has in all. The result is
// valid UTF-8 on one line: control characters become "\n", "\t", "\x1b", bytes that are no UTF-8 become U+FFFD.
std::string brief(std::string_view text, size_t limit = kBriefChars);

// A whole message, cut in the same way where it is longer than `limit` bytes; its line breaks stay.
std::string bounded_message(std::string message, size_t limit = 4096);

// Bytes of the UTF-8 character at `at`; 0 when there is none (also for surrogates and overlong forms).
size_t utf8_char_bytes(std::string_view text, size_t at);

}  // namespace hadal
