#include "market/report/tokens.h"

#include <algorithm>
#include <charconv>

#include "market/report/fold.h"

namespace hadal::market {
namespace {

constexpr size_t kLongestTag = 64;
constexpr std::string_view kEmphasis = "*_`~\\";
// What may be joined to a number; anything else makes it a name.
constexpr std::string_view kSuffixes[] = {"x",   "st",  "nd", "rd", "th", "bp",   "bps",     "pp",
                                          "ppt", "pct", "k",  "mn", "bn", "fold", "percent", "pc"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || c == kLetter; }
bool is_word(char c) { return is_digit(c) || is_letter(c); }

class Lexer {
 public:
  Lexer(std::u32string_view text, const std::vector<bool>& named) : text_(text) {
    out_.text = text;
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = named[i] ? kNamed : fold(text[i]);
      if (c == kNothing) continue;
      out_.plain += c;
      out_.place.push_back(static_cast<uint32_t>(i));
    }
    heading_ = at(0) == '#';
  }

  TokenText read() {
    for (size_t i = 0; i < out_.plain.size();) i = step(i);
    return std::move(out_);
  }

 private:
  char at(size_t i) const { return i < out_.plain.size() ? out_.plain[i] : ' '; }
  char before(size_t i) const { return i > 0 ? at(i - 1) : ' '; }
  std::string_view part(size_t begin, size_t end) const {
    return std::string_view(out_.plain).substr(begin, end - begin);
  }

  size_t put(Kind kind, size_t begin, size_t end) {
    const bool space = out_.tokens.empty() || out_.tokens.back().end < begin || out_.tokens.back().kind == Kind::line;
    out_.tokens.push_back({kind, space, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    return end;
  }

  size_t step(size_t i) {
    const char c = at(i);
    if (c == '\n') return line_end(i);
    if (c == ' ') return i + 1;
    if (c == kNamed || c == kOddDigit) {
      size_t end = i;
      while (end < out_.plain.size() && out_.plain[end] == c) ++end;
      return put(c == kNamed ? Kind::name : Kind::unreadable, i, end);
    }
    if (c == kFraction) return put(Kind::fraction, i, i + 1);
    if (is_letter(c)) return word(i);
    if (is_digit(c) || (c == '.' && is_digit(at(i + 1)) && !is_word(before(i)))) return number(i);
    return put(Kind::mark, i, i + 1);
  }

  // A line end that does not go on with the sentence.
  size_t line_end(size_t i) {
    size_t next = i + 1;
    while (next < out_.plain.size() && at(next) == ' ') ++next;
    if (std::string_view("\n-*#>|+").find(at(next)) != std::string_view::npos || heading_ || is_item(next))
      return put(Kind::line, i, i + 1), heading_ = at(next) == '#', next;
    heading_ = at(next) == '#';
    return next;
  }

  bool is_item(size_t i) const {  // "12. ", "12) "
    const size_t end = i + few_digits(i);
    return end > i && (at(end) == '.' || at(end) == ')') && at(end + 1) == ' ';
  }

  size_t end_of_word(size_t i) const {
    while (is_word(at(i)) || (at(i) == '_' && is_word(at(i + 1)))) ++i;
    return i;
  }
  size_t word(size_t begin) {
    const size_t end = end_of_word(begin);
    const std::string_view letters = part(begin, end);
    return put(std::any_of(letters.begin(), letters.end(), is_digit) ? Kind::unreadable : Kind::word, begin, end);
  }

  size_t digits(size_t i) const {
    while (is_digit(at(i))) ++i;
    return i;
  }
  size_t few_digits(size_t i) const {  // at most five are counted
    size_t n = 0;
    while (n < 5 && is_digit(at(i + n))) ++n;
    return n;
  }
  bool is_group(size_t i) const {  // ",123"
    const char c = at(i);
    const bool between = c == ',' || c == '\'' || (c == ' ' && i < out_.place.size() && is_narrow_blank(original(i)));
    return between && few_digits(i + 1) == 3;
  }
  char32_t original(size_t i) const { return text_[out_.place[i]]; }

  // Where emphasis, a tag or a backslash joins what a reader sees as one number: behind them; else `i`.
  size_t behind_marks(size_t i) const {
    size_t next = i;
    for (;;) {
      if (kEmphasis.find(at(next)) != kEmphasis.npos) {
        ++next;
      } else if (at(next) == '<' && (is_letter(at(next + 1)) || at(next + 1) == '/' || at(next + 1) == '!')) {
        const size_t close = part(next, std::min(next + kLongestTag, out_.plain.size())).find('>');
        if (close == std::string_view::npos) break;
        next += close + 1;
      } else {
        break;
      }
      if (next - i > kLongestTag) break;
    }
    const bool point = at(next) == '.' || at(next) == ',';
    return next > i && is_digit(at(next + (point ? 1 : 0))) ? next + 1 : i;
  }

  size_t date_end(size_t begin) const {
    size_t at_parts[3], lengths[3], i = begin;
    const char mark = at(begin + few_digits(begin));
    size_t parts = 0;
    for (; parts < 3; ++parts) {
      at_parts[parts] = i, lengths[parts] = few_digits(i);
      if (lengths[parts] == 0 || lengths[parts] > 4) return begin;
      i += lengths[parts];
      if (at(i) != mark || !is_digit(at(i + 1))) {
        ++parts;
        break;
      }
      ++i;
    }
    if (parts < 2 || is_word(at(i)) || std::string_view("-/.").find(mark) == std::string_view::npos) return begin;
    if (parts == 3 && i > 0 && is_digit(before(i)) && at(i) == mark && is_digit(at(i + 1))) return begin;
    const bool year_first = lengths[0] == 4 && lengths[1] <= 2;
    if (parts == 2) {
      const std::string_view month = part(at_parts[1], at_parts[1] + lengths[1]);
      return mark == '-' && year_first && lengths[1] == 2 && month >= "01" && month <= "12" ? i : begin;
    }
    const bool year_last = lengths[0] <= 2 && lengths[1] <= 2 && lengths[2] == 4;
    return (year_first && lengths[2] <= 2) || year_last ? i : begin;
  }

  size_t number(size_t begin) {
    if (before(begin) == '#' && begin > 1 && at(begin - 2) == '&') return unreadable(begin, digits(begin));  // &#53;
    if (const size_t end = date_end(begin); end > begin) return put(Kind::date, begin, end);
    size_t end = digits(begin);
    const bool may_group = end > begin && end - begin <= 3;
    while (may_group && is_group(end)) end += 4;
    if (at(end) == '.' && is_digit(at(end + 1))) end = digits(end + 1);
    if (at(end) == 'e') {
      const size_t exponent = end + 1 + (at(end + 1) == '-' || at(end + 1) == '+' ? 1 : 0);
      if (is_digit(at(exponent)) && !is_letter(at(digits(exponent)))) end = digits(exponent);
    }
    const char next = at(end);
    if ((next == '.' || next == ',' || next == ':') && is_digit(at(end + 1))) return unreadable(begin, end);
    if (is_letter(next)) {
      const std::string_view suffix = part(end, end_of_word(end));
      if (std::find(std::begin(kSuffixes), std::end(kSuffixes), suffix) == std::end(kSuffixes))
        return unreadable(begin, end);
    }
    if (behind_marks(end) > end) return unreadable(begin, end);
    return put(Kind::number, begin, end);
  }

  // 1.2.3  5,43  16:00  40abc  4**2**
  size_t unreadable(size_t begin, size_t end) {
    for (;;) {
      const char c = at(end);
      if (is_word(c) || ((c == '.' || c == ',' || c == ':' || c == '_') && is_word(at(end + 1))))
        ++end;
      else if (const size_t joined = behind_marks(end); joined > end)
        end = joined;
      else
        return put(Kind::unreadable, begin, end);
    }
  }

  std::u32string_view text_;
  TokenText out_;
  bool heading_ = false;
};

int number_of_digits(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

double TokenText::fraction(size_t i) const { return vulgar_fraction(original(i)); }

TokenText read_tokens(std::u32string_view text, const std::vector<bool>& named) { return Lexer(text, named).read(); }

DateParts date_parts(std::string_view token) {
  int parts[3] = {0, 0, 0}, count = 0;
  size_t first_length = 0;
  while (!token.empty() && count < 3) {
    const size_t end = std::min(token.find_first_of("-/."), token.size());
    if (count == 0) first_length = end;
    parts[count++] = number_of_digits(token.substr(0, end));
    token.remove_prefix(std::min(end + 1, token.size()));
  }
  if (first_length == 4) return {parts[0], parts[1], parts[2]};
  if (parts[0] > 12 && parts[1] <= 12) return {parts[2], parts[1], parts[0]};
  if (parts[1] > 12 && parts[0] <= 12) return {parts[2], parts[0], parts[1]};
  if (parts[0] == parts[1]) return {parts[2], parts[1], parts[0]};
  return {};
}

}  // namespace hadal::market
