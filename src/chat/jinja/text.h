// Strings as Python sees them: sequences of characters, with Unicode's white space and case. And texts that know of
// each byte where it came from, which is how a rendered conversation tells the template's marks from what people wrote.
#pragma once

#include <string>
#include <string_view>

#include "tokenizer/unicode.h"

namespace hadal::jinja {

// Of what is made of two, the later one.
enum class Origin : uint8_t {
  own,      // the template's, or as good as that
  answer,   // an assistant's message
  content,  // any other message, a tool, whatever a client sent
};

inline constexpr size_t kMaxTextBytes = size_t{64} << 20;

class Text {
 public:
  Text() = default;
  Text(std::string bytes, Origin origin = Origin::own) : bytes_(std::move(bytes)), whole_(origin) {}
  Text(const char* bytes) : bytes_(bytes) {}

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  Origin origin_at(size_t i) const { return origins_.empty() ? whole_ : static_cast<Origin>(origins_[i]); }
  Origin origin() const;  // the latest of all bytes
  Origin origin_of(std::string_view part) const { return part.empty() ? Origin::own : origin_at(offset(part)); }

  // Error when the text becomes longer than kMaxTextBytes.
  void append(std::string_view bytes, Origin origin = Origin::own);
  void append(const char* bytes, Origin origin = Origin::own) { append(std::string_view(bytes), origin); }
  void append(const std::string& bytes, Origin origin = Origin::own) { append(std::string_view(bytes), origin); }
  void append(const Text& text) { append(text, text.bytes_); }
  void append(const Text& text, std::string_view part);  // part: a view into text.bytes()
  Text part(std::string_view view) const;                // view: into bytes()

  // Escaped for HTML (Jinja's Markup): escaping it again changes nothing.
  bool markup = false;

 private:
  void check_size() const;
  size_t offset(std::string_view part) const { return static_cast<size_t>(part.data() - bytes_.data()); }
  std::string bytes_;
  std::string origins_;  // one for each byte; empty when all are whole_
  Origin whole_ = Origin::own;
};

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
// str.isprintable() and the like, of one character.
bool is_printable(const Char& c);
bool is_decimal(const Char& c);
bool is_digit_character(const Char& c);
bool is_numeric(const Char& c);
bool is_upper(const Char& c);
bool is_lower(const Char& c);
bool is_cased(const Char& c);

// Empty `characters`: white space.
std::string_view strip_left(std::string_view text, std::string_view characters = {});
std::string_view strip_right(std::string_view text, std::string_view characters = {});
inline std::string_view strip(std::string_view text, std::string_view characters = {}) {
  return strip_left(strip_right(text, characters), characters);
}

Text to_lower(const Text& text);
Text to_upper(const Text& text);
Text to_title(const Text& text);        // str.title()
Text to_capitalized(const Text& text);  // str.capitalize()
Text to_casefold(const Text& text);
Text to_swapped_case(const Text& text);
Text html_escape(const Text& text);
Text replace_all(const Text& text, std::string_view from, const Text& to, int64_t max_times = -1);

}  // namespace hadal::jinja
