// Strings as Python sees them: sequences of characters, with Unicode's white space and case.
#pragma once

#include <string>
#include <string_view>

#include "tokenizer/unicode.h"

namespace hadal::jinja {

template <typename F>
void for_each_character(std::string_view text, F&& visit) {
  const uint8_t* classes = char_classes();
  for (size_t i = 0; i < text.size();) {
    const size_t length = read_char(text, i, classes).length;
    visit(text.substr(i, length));
    i += length;
  }
}

size_t num_characters(std::string_view text);
bool is_python_space(const Char& c);  // str.isspace() of one character

// Empty `characters`: white space.
std::string_view strip_left(std::string_view text, std::string_view characters = {});
std::string_view strip_right(std::string_view text, std::string_view characters = {});
inline std::string_view strip(std::string_view text, std::string_view characters = {}) {
  return strip_left(strip_right(text, characters), characters);
}

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
std::string to_title(std::string_view text);        // str.title()
std::string to_capitalized(std::string_view text);  // str.capitalize()
std::string replace_all(std::string_view text, std::string_view from, std::string_view to, int64_t max_times = -1);

}  // namespace hadal::jinja
