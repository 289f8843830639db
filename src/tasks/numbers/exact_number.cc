#include "tasks/numbers/exact_number.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "tasks/numbers/number_reader.h"
#include "tasks/numbers/plain_math.h"

namespace hadal::tasks {
namespace {

using boost::multiprecision::cpp_int;
using boost::multiprecision::cpp_rational;

constexpr int kMaxUnitWords = 3;
constexpr std::string_view kCurrencies[] = {"USD", "EUR", "GBP", "CHF", "CAD", "INR", "Rs", "US"};
constexpr std::string_view kNoUnits[] = {"or", "and", "not", "is", "to", "but", "if"};
constexpr std::string_view kVariables = "xyznkpq";  // "3x" is a term, "3m" a length

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_variable(std::string_view word) { return word.size() == 1 && kVariables.find(word) != std::string_view::npos; }
bool in_words(char c) { return is_letter(c) || static_cast<unsigned char>(c) >= 0x80; }

std::string text_of(const cpp_rational& value) {
  const cpp_int below = denominator(value);
  std::string text = numerator(value).str();
  if (below != 1) text += "/" + below.str();
  return text;
}

ExactNumber exact(const ReadNumber& number) {
  return {text_of(number.value), number.worked_out || denominator(number.value) != 1};
}

// "km/h", " cubic metres", " m^2", "%": at most three words, no digits but exponents.
bool is_unit(std::string_view text) {
  int words = 0;
  for (size_t i = 0; i < text.size();) {
    if (in_words(text[i])) {
      const size_t begin = i;
      while (i < text.size() && in_words(text[i])) ++i;
      const std::string_view word = text.substr(begin, i - begin);
      if (++words > kMaxUnitWords || is_variable(word)) return false;
      if (std::ranges::find(kNoUnits, word) != std::end(kNoUnits)) return false;
    } else if (text[i] == '^') {
      i += 1 + (i + 1 < text.size() && text[i + 1] == '{');
      if (i < text.size() && text[i] == '-') ++i;
      if (i >= text.size() || !is_digit(text[i])) return false;
      while (i < text.size() && (is_digit(text[i]) || text[i] == '}')) ++i;
    } else if (std::string_view(" %'.(){}").find(text[i]) != std::string_view::npos || (text[i] == '/' && words > 0)) {
      ++i;
    } else {
      return false;
    }
  }
  return true;
}

// A number that stands in a sentence.
struct Place {
  size_t begin = 0, end = 0;
  std::optional<ReadNumber> number;  // none: written as no number is
};

class Sentence {
 public:
  explicit Sentence(std::string_view text) : text_(text), reader_(text) {}

  // The last two numbers, or the only one.
  std::vector<Place> last_two() {
    std::vector<Place> found;
    for (size_t i = 0; i < text_.size();) {
      if (text_[i] == '^') {
        i = behind_exponent(i);
      } else if (is_letter(text_[i])) {
        i = behind_word(i);  // "A4" holds no number
      } else if (begins_number(i)) {
        if (found.size() == 2) found.erase(found.begin());
        found.push_back(place(i));
        const size_t end = found.back().end;
        i = end < text_.size() && is_letter(text_[end]) ? behind_word(end) : end;
        if (!is_glued_unit(text_.substr(end, i - end))) found.back().number.reset();
      } else {
        ++i;
      }
    }
    return found;
  }

 private:
  bool begins_number(size_t i) const {
    const char c = text_[i];
    return is_digit(c) || c == kFraction || c == kForeign || (c == '.' && is_digit(reader_.at(i + 1)));
  }

  size_t behind_word(size_t i) const {
    while (i < text_.size() && (is_letter(text_[i]) || is_digit(text_[i]))) ++i;
    return i;
  }

  // What stands at a number without a space: nothing, "km", "m2"; not "x", "x10", "_8".
  static bool is_glued_unit(std::string_view word) {
    const size_t letters = std::min(word.find_first_of("0123456789"), word.size());
    if (word.starts_with('_') || is_variable(word.substr(0, letters))) return false;
    return letters == word.size() || word.substr(letters) == "2" || word.substr(letters) == "3";
  }

  size_t behind_exponent(size_t i) const {
    ++i;
    while (i < text_.size() && (text_[i] == '{' || text_[i] == '-' || is_digit(text_[i]))) ++i;
    return i;
  }

  Place place(size_t i) const {
    Place p{i, i, reader_.read(i)};
    if (p.number) {
      p.end = p.number->end;
      const size_t before = sign(i);
      if (before != i && text_[before] == '-') p.number->value = -p.number->value;
      p.begin = before;
      return p;
    }
    while (p.end < text_.size() && (begins_number(p.end) || text_[p.end] == ',' || text_[p.end] == '.')) ++p.end;
    return p;
  }

  // Where the number's sign stands; i without one. Behind a number, a bracket or in a word it is no sign.
  size_t sign(size_t i) const {
    size_t at = i;
    while (at > 0 && text_[at - 1] == ' ') --at;
    if (at == 0 || (text_[at - 1] != '-' && text_[at - 1] != '+')) return i;
    const size_t sign = --at;
    if (sign > 0 && is_letter(text_[sign - 1])) return i;
    while (at > 0 && text_[at - 1] == ' ') --at;
    const bool binary = at > 0 && (is_digit(text_[at - 1]) || text_[at - 1] == ')' || text_[at - 1] == '}');
    return binary ? i : sign;
  }

  std::string_view text_;
  NumberReader reader_;
};

}  // namespace

std::optional<ExactNumber> exact_number(std::string_view text) {
  if (text.size() > kMaxAnswerBytes) return std::nullopt;
  const std::string plain = plain_math(text);
  if (const auto all = NumberReader(plain).read_all()) return exact(*all);
  std::string_view inside = without_wrapping(plain);
  for (const std::string_view currency : kCurrencies) {
    if (inside.starts_with(currency) && inside.size() > currency.size() && !is_letter(inside[currency.size()])) {
      inside.remove_prefix(inside.find_first_not_of(". ", currency.size()) == std::string_view::npos
                               ? inside.size()
                               : inside.find_first_not_of(". ", currency.size()));
      break;
    }
  }
  const auto found = NumberReader(inside).read_signed(0);
  if (!found || !is_unit(inside.substr(found->end))) return std::nullopt;
  return exact(*found);
}

StatedNumber stated_number(std::string_view text) {
  if (text.size() > kMaxAnswerBytes) return {{}, "more than 4,000 characters"};
  if (auto all = exact_number(text)) return {std::move(all), ""};
  const std::string plain = plain_math(text);
  const std::vector<Place> places = Sentence(plain).last_two();
  if (places.empty()) return {{}, "no number"};
  const Place& last = places.back();
  if (!last.number) return {{}, "written as no number is"};
  if (places.size() == 2) {
    const Place& before = places.front();
    const std::string between = plain.substr(before.end, last.begin - before.end);
    if (has_word(between, "or") && !(before.number && before.number->value == last.number->value))
      return {{}, "two answers"};
    if (std::ranges::none_of(between, [](char c) { return in_words(c) || c == '='; })) return {{}, "not one number"};
  }
  return {exact(*last.number), ""};
}

std::string exact_result(std::string_view a, char op, std::string_view b) {
  const auto left = NumberReader(a).read_all(), right = NumberReader(b).read_all();
  HADAL_CHECK(left && right, "{} {} {}: no numbers", a, op, b);
  switch (op) {
    case '+':
      return text_of(left->value + right->value);
    case '-':
      return text_of(left->value - right->value);
    case '*':
      return text_of(left->value * right->value);
    default:
      return right->value == 0 ? "" : text_of(left->value / right->value);
  }
}

}  // namespace hadal::tasks
