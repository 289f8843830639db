// The values of expressions: of one answer, and of all there are.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "base/error.h"
#include "tasks/kinds/countdown.h"

namespace hadal::tasks {
namespace {

using Wide = __int128;

struct Fraction {  // not reduced; den may be negative, never 0
  Wide num = 0, den = 1;
};

bool equals(const Fraction& value, int64_t whole) { return value.num == value.den * whole; }

// nullopt: division by zero.
std::optional<Fraction> apply(char op, const Fraction& a, const Fraction& b) {
  switch (op) {
    case '+':
      return Fraction{a.num * b.den + b.num * a.den, a.den * b.den};
    case '-':
      return Fraction{a.num * b.den - b.num * a.den, a.den * b.den};
    case '*':
      return Fraction{a.num * b.num, a.den * b.den};
    default:
      if (b.num == 0) return std::nullopt;
      return Fraction{a.num * b.den, a.den * b.num};
  }
}

std::string text_of(Fraction value) {
  Wide a = value.num < 0 ? -value.num : value.num, b = value.den < 0 ? -value.den : value.den;
  while (b != 0) a = std::exchange(b, a % b);
  if (value.den < 0) a = -a;
  value = {value.num / a, value.den / a};
  return value.den == 1 ? fmt::format("{}", value.num) : fmt::format("{}/{}", value.num, value.den);
}

// `text` without the spaces it begins with: typography's narrow ones and those that do not break, too.
std::string_view without_spaces(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kWide = {"\u00a0", "\u2009", "\u202f", "\u3000"};
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\v\f"), text.size()));
    const auto* wide =
        std::find_if(kWide.begin(), kWide.end(), [&](std::string_view w) { return text.starts_with(w); });
    if (wide == kWide.end()) return text;
    text.remove_prefix(wide->size());
  }
}

// Dijkstra's shunting-yard: one pass, two stacks, no recursion.
class Expression {
 public:
  Expression(const CountdownItem& item, std::string_view text)
      : text_(text), target_(item.target), unused_(item.numbers) {}
  // Of any numbers: numbers() has them afterwards.
  explicit Expression(std::string_view text) : text_(text), any_numbers_(true) {}

  // The value; why() says what is wrong where there is none.
  std::optional<Fraction> value() {
    while (why_.empty() && skip_spaces() && text_.front() != '=') take_part();
    if (!why_.empty()) return {};
    if (operand_expected_) return wrong(values_.empty() ? "not an expression" : "an operator without a number");
    while (!operators_.empty())
      if (!apply_last()) return {};
    if (any_numbers_ && values_.back().num % values_.back().den == 0)
      target_ = static_cast<int64_t>(values_.back().num / values_.back().den);
    if (!text_.empty() && !is_target(text_.substr(1))) return wrong("= and something else than the target");
    if (!unused_.empty()) return wrong(fmt::format("{} is not used", unused_.front()));
    return values_.back();
  }
  const std::string& why() const { return why_; }
  const std::vector<int64_t>& numbers() const { return numbers_; }

 private:
  std::nullopt_t wrong(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return std::nullopt;
  }

  bool skip_spaces() {
    text_ = without_spaces(text_);
    return !text_.empty();
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  // The digits that `text` begins with, which it loses.
  static std::string_view take_digits(std::string_view& text) {
    size_t size = 0;
    while (size < text.size() && is_digit(text[size])) ++size;
    const std::string_view digits = text.substr(0, size);
    text.remove_prefix(size);
    return digits;
  }

  // The operator that the text begins with, which it loses; '\0': none.
  char take_operator() {
    struct Sign {
      std::string_view text;
      char op;
    };
    static constexpr std::array<Sign, 8> kSigns = {
        {{"+", '+'}, {"-", '-'}, {"*", '*'}, {"/", '/'}, {"×", '*'}, {"·", '*'}, {"−", '-'}, {"÷", '/'}}};
    for (const Sign& sign : kSigns) {
      if (!text_.starts_with(sign.text)) continue;
      text_.remove_prefix(sign.text.size());
      return sign.op;
    }
    return '\0';
  }

  void take_part() {
    const char c = text_.front();
    if (c == '(') {
      if (!operand_expected_) return void(wrong("an operator is missing before a bracket"));
      operators_.push_back('(');
      at_beginning_ = true;
      text_.remove_prefix(1);
    } else if (c == ')') {
      text_.remove_prefix(1);
      close_bracket();
    } else if (is_digit(c)) {
      take_number();
    } else if (const char op = take_operator(); op != '\0') {
      take(op);
    } else {
      wrong("something that is not part of an expression");
    }
  }

  void take_number() {
    if (!operand_expected_) return void(wrong("two numbers without an operator"));
    const std::string_view digits = take_digits(text_);
    if (any_numbers_ && !offer(digits)) return void(wrong("too many numbers, or too large ones"));
    const auto found =
        std::find_if(unused_.begin(), unused_.end(), [&](int64_t n) { return std::to_string(n) == digits; });
    if (found == unused_.end()) return void(wrong("a number that was not given, or not so often"));
    values_.push_back({*found, 1});
    numbers_.push_back(*found);
    unused_.erase(found);
    operand_expected_ = false;
  }

  // Makes any number that a task may hold a given one.
  bool offer(std::string_view digits) {
    if (numbers_.size() == CountdownItem::kMax || digits.size() > std::to_string(CountdownItem::kMaxNumber).size())
      return false;
    unused_.push_back(std::stoll(std::string(digits)));
    return true;
  }

  void take(char op) {
    if (operand_expected_) {
      if (!at_beginning_ || (op != '+' && op != '-')) return void(wrong("an operator without a number before it"));
      operators_.push_back(op == '-' ? kNegate : kPlus);
      at_beginning_ = false;
      return;
    }
    while (!operators_.empty() && operators_.back() != '(' && rank(operators_.back()) >= rank(op))
      if (!apply_last()) return;
    operators_.push_back(op);
    operand_expected_ = true;
    at_beginning_ = false;
  }

  void close_bracket() {
    if (operand_expected_) return void(wrong("a bracket closes where a number is missing"));
    while (!operators_.empty() && operators_.back() != '(')
      if (!apply_last()) return;
    if (operators_.empty()) return void(wrong("unbalanced brackets"));
    operators_.pop_back();
  }

  static int rank(char op) { return op == '*' || op == '/' ? 2 : 1; }

  bool apply_last() {
    const char op = operators_.back();
    operators_.pop_back();
    if (op == '(') return wrong("unbalanced brackets"), false;
    Fraction& last = values_.back();
    if (op == kNegate) last.num = -last.num;
    if (op == kNegate || op == kPlus) return true;
    const Fraction second = last;
    values_.pop_back();
    const auto result = apply(op, values_.back(), second);
    if (!result) return wrong("division by zero"), false;
    values_.back() = *result;
    return true;
  }

  bool is_target(std::string_view text) const {
    text = without_spaces(text);
    const std::string_view digits = take_digits(text);
    return digits == std::to_string(target_) && without_spaces(text).empty();
  }

  static constexpr char kNegate = 'n', kPlus = 'p';
  std::string_view text_;
  bool any_numbers_ = false;
  int64_t target_ = -1;  // of any numbers: the value where it is whole
  std::vector<int64_t> unused_, numbers_;
  std::vector<Fraction> values_;
  std::vector<char> operators_;
  bool operand_expected_ = true, at_beginning_ = true;
  std::string why_;
};

bool reaches(const std::vector<Fraction>& values, int64_t target) {
  if (values.size() == 1) return equals(values[0], target);
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = 0; j < values.size(); ++j) {
      if (i == j) continue;
      std::vector<Fraction> left;
      for (size_t k = 0; k < values.size(); ++k)
        if (k != i && k != j) left.push_back(values[k]);
      left.emplace_back();
      for (const char op : {'+', '-', '*', '/'}) {
        if (i > j && (op == '+' || op == '*')) continue;  // they commute
        const auto value = apply(op, values[i], values[j]);
        if (!value) continue;
        left.back() = *value;
        if (reaches(left, target)) return true;
      }
    }
  }
  return false;
}

}  // namespace

bool countdown_solvable(const CountdownItem& item) {
  std::vector<Fraction> values;
  for (const int64_t number : item.numbers) values.push_back({number, 1});
  return reaches(values, item.target);
}

std::optional<CountdownValue> countdown_value(std::string_view expression) {
  Expression parsed(expression);
  const auto value = parsed.value();
  if (!value) return std::nullopt;
  CountdownValue result{text_of(*value), parsed.numbers()};
  std::ranges::sort(result.numbers);
  return result;
}

Verdict judge_countdown(const CountdownItem& item, std::string_view answer) {
  Expression expression(item, answer);
  const auto value = expression.value();
  Verdict verdict;
  verdict.answer = std::string(answer);
  if (!value) {
    verdict.why = expression.why();
    return verdict;
  }
  verdict.right = equals(*value, item.target);
  const double distance =
      static_cast<double>(value->num) / static_cast<double>(value->den) - static_cast<double>(item.target);
  verdict.nearness = verdict.right ? 1 : 1 / (1 + std::abs(distance));
  verdict.why = fmt::format("makes {}{}", text_of(*value), verdict.right ? "" : fmt::format(", not {}", item.target));
  return verdict;
}

}  // namespace hadal::tasks
