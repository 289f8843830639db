#include "tasks/numbers/number_reader.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "tasks/numbers/plain_math.h"

namespace hadal::tasks {
namespace {

using boost::multiprecision::cpp_int;
using boost::multiprecision::cpp_rational;

constexpr int kMaxExponent = 4000;
constexpr int kMaxDepth = 4;  // of fractions in fractions

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_sign(char c) { return c == '-' || c == '+'; }

cpp_int integer(std::string_view digits) {  // without leading zeros, which Boost takes for octal
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits.empty() ? cpp_int(0) : cpp_int(std::string(digits));
}

cpp_int ten_to(int64_t exponent) { return pow(cpp_int(10), static_cast<unsigned>(exponent)); }

// [-]digits, in braces or not, of at most kMaxExponent; and where it ends.
std::optional<std::pair<int, size_t>> small_integer(const NumberReader& text, size_t i) {
  const bool braces = text.at(i) == '{';
  i += braces;
  const bool negative = text.at(i) == '-';
  i += is_sign(text.at(i));
  if (!is_digit(text.at(i))) return std::nullopt;
  int value = 0;
  for (; is_digit(text.at(i)); ++i) value = std::min(value * 10 + (text.at(i) - '0'), kMaxExponent + 1);
  if (braces && text.at(i++) != '}') return std::nullopt;
  if (value > kMaxExponent) return std::nullopt;
  return std::pair{negative ? -value : value, i};
}

std::optional<ReadNumber> raise(const ReadNumber& base, int exponent, size_t end) {
  const auto size = static_cast<unsigned>(std::abs(exponent));
  const cpp_int above = numerator(base.value), below = denominator(base.value);
  if (above == 0 && exponent <= 0) return std::nullopt;
  if ((above.str().size() + below.str().size()) * size > size_t{2} * kMaxExponent) return std::nullopt;
  const cpp_int top = pow(above, size), bottom = pow(below, size);
  return ReadNumber{exponent < 0 ? cpp_rational(bottom, top) : cpp_rational(top, bottom), end, base.value == 10};
}

}  // namespace

size_t NumberReader::skip_spaces(size_t i) const {
  while (at(i) == ' ') ++i;
  return i;
}

std::optional<ReadNumber> NumberReader::read(size_t i) const {
  if (at(i) == kFraction) return fraction(i);
  const auto first = decimal(i);
  if (!first) return std::nullopt;
  if (text_.substr(i, first->end - i).find('.') == std::string_view::npos) {
    if (const auto part = mixed_part(first->end)) return ReadNumber{first->value + part->value, part->end, false};
  }
  const Exponent scaled = exponent(*first);
  return scaled.present ? scaled.result : quotient(*first);
}

std::optional<ReadNumber> NumberReader::read_signed(size_t i) const {
  const bool negative = at(i) == '-';
  if (is_sign(at(i))) i = skip_spaces(i + 1);
  const bool bracket = at(i) == '(';
  auto found = read(bracket ? skip_spaces(i + 1) : i);
  if (found && bracket) {
    found->end = skip_spaces(found->end);
    if (at(found->end++) != ')') found.reset();
  }
  if (found && negative) found->value = -found->value;
  return found;
}

std::optional<ReadNumber> NumberReader::read_all() const {
  const std::string_view inside = without_wrapping(text_);
  auto found = NumberReader(inside, depth_).read_signed(0);
  if (found && found->end != inside.size()) found.reset();
  return found;
}

bool NumberReader::group_follows(size_t i, char separator) const {
  return at(i) == separator && is_digit(at(i + 1)) && is_digit(at(i + 2)) && is_digit(at(i + 3)) &&
         !is_digit(at(i + 4));
}

// Digits in groups of three or not, with decimals or not.
std::optional<ReadNumber> NumberReader::decimal(size_t i) const {
  std::string digits;
  const size_t first = i;
  while (is_digit(at(i))) digits += at(i++);
  if (i - first >= 1 && i - first <= 3 && at(first) != '0') {
    const char separator = at(i) == ',' ? ',' : ' ';
    while (group_follows(i, separator) && !(separator == ' ' && mixed_part(i))) {
      digits += text_.substr(i + 1, 3);
      i += 4;
    }
  }
  int64_t decimals = 0;
  if (at(i) == '.' && is_digit(at(i + 1))) {
    for (++i; is_digit(at(i)); ++i, ++decimals) digits += at(i);
  }
  const bool goes_wrong = (at(i) == ',' && is_digit(at(i + 1))) || goes_on(i);  // "1,00", "1.2.3"
  if (digits.empty() || goes_wrong) return std::nullopt;
  return ReadNumber{cpp_rational(integer(digits), ten_to(decimals)), i};
}

bool NumberReader::goes_on(size_t i) const {  // where a number cannot end
  return at(i) == kForeign || (at(i) == '.' && is_digit(at(i + 1)));
}

// What makes a whole number mixed: a proper fraction behind it, " 1/2" or "\frac{1}{2}".
std::optional<ReadNumber> NumberReader::mixed_part(size_t i) const {
  const size_t begin = skip_spaces(i);
  if (at(begin) == kFraction) {
    auto part = fraction(begin);
    if (part && (part->value < 0 || part->value >= 1)) part.reset();
    return part;
  }
  if (begin == i || !is_digit(at(begin)) || at(begin) == '0') return std::nullopt;
  const auto digits_end = [&](size_t k) {
    while (is_digit(at(k))) ++k;
    return k;
  };
  const size_t slash = digits_end(begin);
  if (at(slash) != '/' || !is_digit(at(slash + 1)) || at(slash + 1) == '0') return std::nullopt;
  const size_t end = digits_end(slash + 1);
  if (goes_on(end) || (at(end) == '/' && is_digit(at(end + 1)))) return std::nullopt;
  const cpp_int above = integer(text_.substr(begin, slash - begin));
  const cpp_int below = integer(text_.substr(slash + 1, end - slash - 1));
  if (above >= below) return std::nullopt;
  return ReadNumber{cpp_rational(above, below), end, false};
}

// e4, *10^4, x 10^4 or ^4 behind a number.
NumberReader::Exponent NumberReader::exponent(const ReadNumber& base) const {
  size_t i = base.end;
  const size_t star = skip_spaces(i), ten = skip_spaces(star + 1);
  const bool power = at(i) == '^';
  if ((at(i) == 'e' || at(i) == 'E') && is_digit(at(i + 1 + is_sign(at(i + 1))))) {
    i += 1;
  } else if ((at(star) == '*' || at(star) == 'x') && text_.substr(ten, 3) == "10^") {
    i = ten + 3;
  } else if (power) {
    i += 1;
  } else {
    return {};
  }
  const auto found = small_integer(*this, i);
  if (!found || goes_on(found->second)) return {.present = true, .result = {}};
  const auto [value, end] = *found;
  if (power) return {.present = true, .result = raise(base, value, end)};
  const cpp_rational scale = value < 0 ? cpp_rational(1, ten_to(-value)) : cpp_rational(ten_to(value));
  return {.present = true, .result = ReadNumber{base.value * scale, end}};
}

std::optional<ReadNumber> NumberReader::quotient(const ReadNumber& above) const {
  const size_t slash = skip_spaces(above.end), begin = skip_spaces(slash + 1);
  if (at(slash) != '/' || !is_digit(at(begin))) return above;
  const auto below = decimal(begin);
  if (!below || below->value == 0 || (at(below->end) == '/' && is_digit(at(below->end + 1)))) return std::nullopt;
  return ReadNumber{above.value / below->value, below->end, false};
}

std::optional<ReadNumber> NumberReader::fraction(size_t i) const {
  if (depth_ >= kMaxDepth) return std::nullopt;
  const auto above = argument(skip_spaces(i + 1));
  if (!above) return std::nullopt;
  const auto below = argument(skip_spaces(above->end));
  if (!below || below->value == 0) return std::nullopt;
  return ReadNumber{above->value / below->value, below->end, false};
}

// Of \frac: in braces, or a single digit.
std::optional<ReadNumber> NumberReader::argument(size_t i) const {
  if (is_digit(at(i))) return ReadNumber{cpp_rational(at(i) - '0'), i + 1};
  if (at(i) != '{') return std::nullopt;
  int open = 0;
  size_t end = i;
  for (; end < text_.size(); ++end) {
    open += (at(end) == '{') - (at(end) == '}');
    if (open == 0) break;
  }
  if (open != 0) return std::nullopt;
  auto inside = NumberReader(text_.substr(i + 1, end - i - 1), depth_ + 1).read_all();
  if (inside) inside->end = end + 1;
  return inside;
}

namespace {

// Whether a bracket that the text begins with closes at its end, or Markdown's sign stands at both.
bool is_enclosed(std::string_view text) {
  constexpr std::string_view kOpen = "([{*_", kClose = ")]}*_";
  const size_t which = text.size() < 2 ? std::string_view::npos : kOpen.find(text.front());
  if (which == std::string_view::npos || text.back() != kClose[which]) return false;
  if (kOpen[which] == kClose[which]) return true;
  int open = 0;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    open += (text[i] == kOpen[which]) - (text[i] == kClose[which]);
    if (open == 0) return false;
  }
  return true;
}

}  // namespace

std::string_view without_wrapping(std::string_view text) {
  const auto one_of = [](char c, std::string_view set) { return set.find(c) != std::string_view::npos; };
  for (;;) {
    if (text.empty()) return text;
    if (one_of(text.front(), " `")) {
      text.remove_prefix(1);
    } else if (one_of(text.back(), " `.")) {
      text.remove_suffix(1);
    } else if (is_enclosed(text)) {
      text = text.substr(1, text.size() - 2);
    } else {
      return text;
    }
  }
}

}  // namespace hadal::tasks
