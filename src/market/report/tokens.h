// A text as the words and numbers that a reader sees in it, whatever characters it is written with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::market {

enum class Kind : uint8_t {
  word,        // letters, with digits and underscores inside
  number,      // 12  1,234.5  .05  2e-4
  date,        // 2014-03-05  2014/3/5  2014-03  05.03.2014
  fraction,    // one character, such as U+00BD
  unreadable,  // digits that are no number of these: 1.2.3  5,43  16:00  x12y  raised digits
  name,        // what was read already: a name of a figure
  mark,        // any other character
  line,        // the end of a paragraph, heading, row or item
};

struct Token {
  Kind kind;
  bool space;           // something blank stands before it
  uint32_t begin, end;  // of TokenText::plain
};

// `plain` holds the characters in ASCII: letters small, digits of any script as 0 to 9, dashes as -, blanks as a space;
// what has no width is left out. Takes linear time.
struct TokenText {
  std::u32string_view text;
  std::string plain;
  std::vector<uint32_t> place;  // of each character of `plain`, in code points of the text
  std::vector<Token> tokens;

  size_t size() const { return tokens.size(); }
  std::string_view of(size_t i) const {
    return i < size() ? std::string_view(plain).substr(tokens[i].begin, tokens[i].end - tokens[i].begin) : "";
  }
  bool is(size_t i, Kind kind) const { return i < size() && tokens[i].kind == kind; }
  bool is(size_t i, std::string_view words) const { return of(i) == words; }
  bool joined(size_t i) const { return i < size() && i > 0 && !tokens[i].space; }  // to the token before it
  bool is_capital(size_t i) const { return original(i) >= 'A' && original(i) <= 'Z'; }
  bool is_minus(size_t i) const { return original(i) == 0x2212; }  // a sign wherever it stands
  double fraction(size_t i) const;                                 // of a token of that kind
  char32_t original(size_t i) const { return text[place[tokens[i].begin]]; }
  size_t begin(size_t i) const { return place[tokens[i].begin]; }  // in the text
  size_t end(size_t i) const { return place[tokens[i].end - 1] + 1; }
};

// `text` must outlive it. `named`: for each code point, whether it is part of a name, which becomes a token of its own.
TokenText read_tokens(std::u32string_view text, const std::vector<bool>& named);

// The parts of a date token: {year, month, day}, 0 where it has none. All 0 where day and month cannot be told apart.
struct DateParts {
  int year = 0, month = 0, day = 0;
};
DateParts date_parts(std::string_view token);

}  // namespace hadal::market
