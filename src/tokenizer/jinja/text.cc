#include "tokenizer/jinja/text.h"

#include <utf8proc.h>

#include <utility>

namespace hadal::jinja {
namespace {

template <typename F>
std::string map_characters(std::string_view text, F&& map) {
  const uint8_t* classes = char_classes();
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const Char c = read_char(text, i, classes);
    if (c.code == 0xFFFFFFFFu)
      out += text[i];
    else
      append_utf8(out, static_cast<uint32_t>(map(static_cast<utf8proc_int32_t>(c.code), c)));
    i += c.length;
  }
  return out;
}

bool strips(std::string_view text, size_t at, std::string_view characters) {
  const Char c = read_char(text, at, char_classes());
  if (characters.empty()) return is_python_space(c);
  return characters.find(text.substr(at, c.length)) != std::string_view::npos;
}

}  // namespace

size_t num_characters(std::string_view text) {
  size_t n = 0;
  for_each_character(text, [&](std::string_view) { ++n; });
  return n;
}

bool is_python_space(const Char& c) { return c.is(kSpace) || (c.code >= 0x1C && c.code <= 0x1F); }

std::string_view strip_left(std::string_view text, std::string_view characters) {
  while (!text.empty() && strips(text, 0, characters)) text.remove_prefix(read_char(text, 0, char_classes()).length);
  return text;
}

std::string_view strip_right(std::string_view text, std::string_view characters) {
  while (!text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && text.size() - start < 4 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
    if (read_char(text, start, char_classes()).length != text.size() - start) start = text.size() - 1;
    if (!strips(text, start, characters)) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

std::string to_lower(std::string_view text) {
  return map_characters(text, [](auto code, const Char&) { return utf8proc_tolower(code); });
}

std::string to_upper(std::string_view text) {
  return map_characters(text, [](auto code, const Char&) { return utf8proc_toupper(code); });
}

std::string to_title(std::string_view text) {
  bool inside = false;
  return map_characters(text, [&](auto code, const Char& c) {
    const auto mapped = inside ? utf8proc_tolower(code) : utf8proc_totitle(code);
    inside = c.is(kLetter);
    return mapped;
  });
}

std::string to_capitalized(std::string_view text) {
  bool first = true;
  return map_characters(text, [&](auto code, const Char&) {
    return std::exchange(first, false) ? utf8proc_totitle(code) : utf8proc_tolower(code);
  });
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to, int64_t max_times) {
  std::string out;
  if (from.empty()) {  // Python puts `to` before each character and at the end
    for_each_character(text, [&](std::string_view character) {
      if (max_times != 0) out += to, --max_times;
      out += character;
    });
    if (max_times != 0) out += to;
    return out;
  }
  for (size_t found; max_times != 0 && (found = text.find(from)) != std::string_view::npos; --max_times) {
    out.append(text.substr(0, found)).append(to);
    text.remove_prefix(found + from.size());
  }
  return out.append(text);
}

}  // namespace hadal::jinja
