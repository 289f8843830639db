// Shortens text from files and requests for error messages: at most one line, whatever it contains.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hadal {

constexpr size_t kBriefChars = 80;

// `text` if it is short; else its first `limit` characters, "..." and its size in bytes. The result is valid UTF-8 on
// one line: control characters become "\n", "\t", "\x1b", bytes that are not UTF-8 become U+FFFD.
std::string brief(std::string_view text, size_t limit = kBriefChars);

// A whole message, shortened in the same way if it has more than `limit` bytes; its line breaks are kept.
std::string bounded_message(std::string message, size_t limit = 4096);

// Length in bytes of the UTF-8 character at `at`; 0 if there is none (also for surrogates and overlong forms).
size_t utf8_char_bytes(std::string_view text, size_t at);

}  // namespace hadal
