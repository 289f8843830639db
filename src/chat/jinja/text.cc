#include "chat/jinja/text.h"

#include <algorithm>

#include "base/error.h"

namespace hadal::jinja {

Origin Text::origin() const {
  if (bytes_.empty()) return Origin::own;
  return origins_.empty() ? whole_ : static_cast<Origin>(*std::ranges::max_element(origins_));
}

void Text::check_size() const {
  if (bytes_.size() > kMaxTextBytes) fail("expected texts of at most {} bytes, found a longer one", kMaxTextBytes);
}

void Text::append(std::string_view bytes, Origin origin) {
  if (bytes.empty()) return;
  if (bytes_.empty()) {
    whole_ = origin;
  } else if (!origins_.empty() || whole_ != origin) {
    if (origins_.empty()) origins_.assign(bytes_.size(), static_cast<char>(whole_));
    origins_.append(bytes.size(), static_cast<char>(origin));
  }
  bytes_ += bytes;
  check_size();
}

void Text::append(const Text& text, std::string_view part) {
  if (part.empty()) return;
  if (text.origins_.empty()) return append(part, text.whole_);
  if (origins_.empty()) origins_.assign(bytes_.size(), static_cast<char>(whole_));
  origins_.append(text.origins_, text.offset(part), part.size());
  bytes_ += part;
  check_size();
}

Text Text::part(std::string_view view) const {
  Text out;
  out.append(*this, view);
  return out;
}

namespace {

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

Text html_escape(const Text& text) {
  Text out;
  for_each_character(text.bytes(), [&](std::string_view character) {
    const char c = character[0];
    const std::string_view escaped = c == '&'    ? "&amp;"
                                     : c == '<'  ? "&lt;"
                                     : c == '>'  ? "&gt;"
                                     : c == '"'  ? "&#34;"
                                     : c == '\'' ? "&#39;"
                                                 : character;
    out.append(escaped, text.origin_of(character));
  });
  return out;
}

Text replace_all(const Text& text, std::string_view from, const Text& to, int64_t max_times) {
  Text out;
  std::string_view rest = text.bytes();
  if (from.empty()) {  // Python puts `to` before each character and at the end
    for_each_character(rest, [&](std::string_view character) {
      if (max_times != 0) out.append(to), --max_times;
      out.append(text, character);
    });
    if (max_times != 0) out.append(to);
    return out;
  }
  for (size_t found; max_times != 0 && (found = rest.find(from)) != std::string_view::npos; --max_times) {
    out.append(text, rest.substr(0, found));
    out.append(to);
    rest.remove_prefix(found + from.size());
  }
  out.append(text, rest);
  return out;
}

}  // namespace hadal::jinja
