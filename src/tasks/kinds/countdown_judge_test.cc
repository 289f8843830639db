// The verdict against a slow one: the grammar as it is written down, by recursive descent.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "tasks/kinds/countdown.h"

namespace hadal::tasks {
namespace {

// expression = [+|-] product {(+|-) product}, product = part {(*|/) part}, part = number | ( expression ), and at the
// end optionally = target. Spaces may stand between parts.
class Oracle {
 public:
  Oracle(const CountdownItem& item, std::string text) : item_(item), text_(std::move(text)) {}

  bool right() {
    const Value value = expression();
    if (next() == '=') {
      ++at_;
      next();
      ok_ = ok_ && digits() == std::to_string(item_.target);
    }
    std::vector<int64_t> given = item_.numbers;
    std::sort(given.begin(), given.end());
    std::sort(used_.begin(), used_.end());
    return next() == '\0' && ok_ && used_ == given && value.num == item_.target * value.den;
  }

 private:
  struct Value {
    int64_t num = 0, den = 1;
  };

  char next() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (next() != c) return false;
    ++at_;
    return true;
  }
  std::string digits() {
    std::string found;
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0) found += text_[at_++];
    return found;
  }

  Value expression() {
    const bool minus = take('-');
    if (!minus) take('+');
    Value sum = product();
    if (minus) sum.num = -sum.num;
    for (;;) {
      const char op = next();
      if (op != '+' && op != '-') return sum;
      ++at_;
      const Value more = product();
      sum = {sum.num * more.den + (op == '+' ? 1 : -1) * more.num * sum.den, sum.den * more.den};
    }
  }

  Value product() {
    Value value = part();
    for (;;) {
      const char op = next();
      if (op != '*' && op != '/') return value;
      ++at_;
      const Value more = part();
      if (op == '/' && more.num == 0) ok_ = false;
      value = op == '*'       ? Value{value.num * more.num, value.den * more.den}
              : more.num == 0 ? Value{}
                              : Value{value.num * more.den, value.den * more.num};
    }
  }

  Value part() {
    if (!ok_) return {};
    if (take('(')) {
      const Value value = expression();
      ok_ = take(')') && ok_;
      return value;
    }
    next();
    const std::string number = digits();
    ok_ = ok_ && !number.empty() && number.size() < 4 && (number[0] != '0' || number == "0") && used_.size() < 4;
    if (!ok_) return {};
    used_.push_back(std::stoll(number));
    return {used_.back(), 1};
  }

  const CountdownItem& item_;
  std::string text_;
  size_t at_ = 0;
  bool ok_ = true;
  std::vector<int64_t> used_;
};

std::string expression_of(std::vector<int64_t> numbers, Rng& rng) {
  if (numbers.size() == 1) return std::to_string(numbers[0]);
  const auto cut = numbers.begin() + 1 + static_cast<int64_t>(rng.below(numbers.size() - 1));
  const std::string left = expression_of({numbers.begin(), cut}, rng), right = expression_of({cut, numbers.end()}, rng);
  const std::string text = left + "+-*/"[rng.below(4)] + right;
  const uint64_t form = rng.below(4);
  return form == 0 ? text : form == 1 ? "(-" + text + ")" : "(" + text + ")";
}

TEST(CountdownJudge, AgreesWithTheGrammarOnExpressionsAndOnTheirMutations) {
  constexpr std::string_view kSigns = "0123456789+-*/()= ";
  Rng rng(1);
  int right = 0, wrong = 0;
  for (int i = 0; i < 20'000; ++i) {
    CountdownItem item;
    for (size_t n = 2 + rng.below(3); n > 0; --n) item.numbers.push_back(1 + static_cast<int64_t>(rng.below(12)));
    item.target = 1 + static_cast<int64_t>(rng.below(20));
    std::string text = expression_of(item.numbers, rng);
    if (rng.below(4) == 0) text += " = " + std::to_string(item.target);
    for (uint64_t mutations = rng.below(3); mutations > 0; --mutations) {
      const size_t at = rng.below(text.size());
      const uint64_t way = rng.below(3);
      const char sign = kSigns[rng.below(kSigns.size())];
      if (way == 0 && text.size() > 1) text.erase(at, 1);
      if (way == 1) text.insert(at, 1, sign);
      if (way == 2) text[at] = sign;
    }
    for (item.target = 1; item.target <= 20; ++item.target) {
      const bool expected = Oracle(item, text).right();
      const Verdict verdict = judge_countdown(item, text);
      ASSERT_EQ(verdict.right, expected) << text << " = " << item.target << ": " << verdict.why;
      (expected ? right : wrong) += 1;
    }
  }
  EXPECT_GT(right, 1000);
  EXPECT_GT(wrong, 100'000);
}

TEST(CountdownJudge, RandomBytesAreNoAnswer) {
  const CountdownItem item{{19, 36, 55}, 38};
  Rng rng(2);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(rng.below(40), '\0');
    for (char& c : bytes) c = static_cast<char>(rng.below(256));
    const Verdict verdict = judge_countdown(item, bytes);
    EXPECT_FALSE(verdict.right);
    EXPECT_FALSE(verdict.why.empty());
  }
}

}  // namespace
}  // namespace hadal::tasks
