#include "tasks/numbers/exact_number.h"

#include <algorithm>
#include <cctype>
#include <span>
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
constexpr std::string_view kScales[] = {"hundred", "thousand", "million", "billion", "trillion", "point"};
constexpr std::string_view kNoUnits[] = {
    "or",   "and",  "not",   "is",     "to",    "but",   "if",      "about", "ish",           "more",
    "less", "plus", "minus", "approx", "maybe", "wrong", "squared", "cubed", "approximately", "roughly"};
constexpr std::string_view kVariables = "xyznkpqei";  // "3x" is a term, "3m" a length

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_variable(std::string_view word) { return word.size() == 1 && kVariables.find(word) != std::string_view::npos; }
bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, lower_case(std::string(word))) != words.end();
}
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

// "km/h", " cubic metres", " m^2", "%": at most three words, no digits but exponents, no bracket that only closes.
bool is_unit(std::string_view text) {
  int words = 0, open = 0;
  for (size_t i = 0; i < text.size();) {
    if (in_words(text[i])) {
      const size_t begin = i;
      while (i < text.size() && in_words(text[i])) ++i;
      const std::string_view word = text.substr(begin, i - begin);
      if (++words > kMaxUnitWords || is_variable(word)) return false;
      if (is_one_of(word, kNoUnits) || is_one_of(word, kScales)) return false;
    } else if (text[i] == '^') {
      i += 1 + (i + 1 < text.size() && text[i + 1] == '{');
      if (i < text.size() && text[i] == '-') ++i;
      if (i >= text.size() || !is_digit(text[i])) return false;
      while (i < text.size() && (is_digit(text[i]) || text[i] == '}')) ++i;
    } else if (std::string_view(" %'.(){}").find(text[i]) != std::string_view::npos || (text[i] == '/' && words > 0)) {
      open += (text[i] == '(' || text[i] == '{') - (text[i] == ')' || text[i] == '}');
      if (open < 0) return false;
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

  // The last two numbers, or the only one. Notes whether the sentence of the last one offers two with "or".
  std::vector<Place> last_two() {
    std::vector<Place> found;
    for (size_t i = 0; i < text_.size();) {
      if (text_[i] == '^') {
        i = behind_exponent(i);
      } else if (is_letter(text_[i])) {
        i = behind_word(i);  // "A4" holds no number
      } else if (begins_number(i)) {
        found.push_back(place(i));
        if (found.size() > 1) note_choice(found[found.size() - 2], found.back());
        if (found.size() > 2) found.erase(found.begin());
        const size_t end = found.back().end;
        i = end < text_.size() && is_letter(text_[end]) ? behind_word(end) : end;
        if (!is_glued_unit(text_.substr(end, i - end))) found.back().number.reset();
        if (is_one_of(next_word(i), kScales)) found.back().number.reset();
      } else {
        ++i;
      }
    }
    if (!found.empty() && is_one_of(next_word(found.back().end), kOr)) offers_two_ = true;  // "37 or forty"
    return found;
  }
  bool offers_two() const { return offers_two_; }

 private:
  static constexpr std::string_view kOr[] = {"or"}, kNegations[] = {"minus", "negative"};

  void note_choice(const Place& a, const Place& b) {
    const std::string_view between = text_.substr(a.end, b.begin - a.end);
    for (const std::string_view sentence_end : {". ", "? ", "! "})
      if (between.find(sentence_end) != std::string_view::npos) offers_two_ = false;
    const bool same = a.number && b.number && a.number->value == b.number->value;
    if (!same && has_word(between.substr(between.find_last_of(".?!") + 1), "or")) offers_two_ = true;
  }

  std::string_view next_word(size_t i) const {
    const size_t begin = reader_.skip_spaces(i);
    return text_.substr(begin, behind_word(begin) - begin);
  }

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
      if ((before != i && text_[before] == '-') || is_negated(i)) p.number->value = -p.number->value;
      p.begin = before;
      return p;
    }
    while (p.end < text_.size() && (begins_number(p.end) || text_[p.end] == ',' || text_[p.end] == '.')) ++p.end;
    return p;
  }

  // "minus 3", "negative 3"; but "5 minus 3" is a difference.
  bool is_negated(size_t i) const {
    size_t end = i;
    while (end > 0 && text_[end - 1] == ' ') --end;
    size_t begin = end;
    while (begin > 0 && is_letter(text_[begin - 1])) --begin;
    if (!is_one_of(text_.substr(begin, end - begin), kNegations)) return false;
    while (begin > 0 && text_[begin - 1] == ' ') --begin;
    return begin == 0 || !is_digit(text_[begin - 1]);
  }

  // Where the number's sign stands; i without one. Behind a number, a bracket or in a word it is no sign.
  size_t sign(size_t i) const {
    size_t at = i;
    while (at > 0 && (text_[at - 1] == ' ' || text_[at - 1] == '(')) --at;  // "-(3)" is -3
    if (at == 0 || (text_[at - 1] != '-' && text_[at - 1] != '+')) return i;
    const size_t sign = --at;
    if (sign > 0 && is_letter(text_[sign - 1])) return i;
    while (at > 0 && text_[at - 1] == ' ') --at;
    const bool binary = at > 0 && (is_digit(text_[at - 1]) || text_[at - 1] == ')' || text_[at - 1] == '}');
    return binary ? i : sign;
  }

  std::string_view text_;
  NumberReader reader_;
  bool offers_two_ = false;
};

}  // namespace

std::optional<ExactNumber> exact_number(std::string_view text) {
  if (text.size() > kMaxAnswerBytes) return std::nullopt;
  const std::string plain = plain_math(text);
  if (const auto all = NumberReader(plain).read_all()) return exact(*all);
  std::string_view inside = without_wrapping(plain);
  for (const std::string_view currency : kCurrencies) {
    if (inside.starts_with(currency) && inside.size() > currency.size() && !is_letter(inside[currency.size()])) {
      inside.remove_prefix(std::min(inside.find_first_not_of(". ", currency.size()), inside.size()));
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
  Sentence sentence(plain);
  const std::vector<Place> places = sentence.last_two();
  if (places.empty()) return {{}, "no number"};
  const Place& last = places.back();
  if (sentence.offers_two()) return {{}, "two answers"};
  if (!last.number) return {{}, "written as no number is"};
  if (places.size() == 2) {
    const Place& before = places.front();
    const std::string between = plain.substr(before.end, last.begin - before.end);
    const bool parted = between.find(": ") != std::string::npos ||
                        std::ranges::any_of(between, [](char c) { return in_words(c) || c == '='; });
    if (!parted) return {{}, "not one number"};
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
