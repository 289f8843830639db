#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "tasks/kinds/countdown.h"
#include "tasks/task.h"

namespace hadal::tasks {
namespace {

const Task& countdown() { return find_task("countdown"); }

OrderedJson item_of(const std::vector<int64_t>& numbers, int64_t target) {
  return {{"task", "countdown"}, {"numbers", numbers}, {"target", target}};
}

bool right(const std::string& answer, const std::vector<int64_t>& numbers = {19, 36, 55}, int64_t target = 38) {
  return countdown().judge(item_of(numbers, target), answer).right;
}

std::string why(const std::string& answer) { return countdown().judge(item_of({19, 36, 55}, 38), answer).why; }

// ---- Judging ----

TEST(Countdown, AnExpressionOfEveryNumberOnceIsRight) {
  for (const char* answer : {"(19+55)-36", "55-(36-19)", "55 - 36 + 19", "19+55-36", "-36+19+55", "+19+55-36",
                             "-(36-55)+19", "((((19))))+55-36", "(-36+55)+19", "(19+55)-36=38", "(19+55)-36 = 38 ",
                             "55−36+19", "19\n+\t55 - 36", "19\u00a0+\u202f55\u2009- 36\u00a0=\u00a038\u00a0"})
    EXPECT_TRUE(right(answer)) << answer << ": " << why(answer);
  EXPECT_TRUE(right("8/(3-8/3)", {3, 3, 8, 8}, 24));
  EXPECT_TRUE(right("8÷(3−8÷3)", {3, 3, 8, 8}, 24));
  EXPECT_TRUE(right("-2*3+17", {2, 3, 17}, 11));  // the sign is that of the product
  EXPECT_TRUE(right("2×3·5", {2, 3, 5}, 30));
  EXPECT_TRUE(right("100/10/5", {5, 10, 100}, 2));  // from the left
  EXPECT_TRUE(right("100-10-5", {5, 10, 100}, 85));
}

TEST(Countdown, EverythingElseIsWrongAndSaysWhy) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"19+55+36", "makes 110, not 38"},
      {"55/36-19", "makes -629/36, not 38"},
      {"19+55", "36 is not used"},
      {"19+19+36-36", "a number that was not given, or not so often"},
      {"19+55-36+0", "a number that was not given, or not so often"},
      {"019+55-36", "a number that was not given, or not so often"},
      {"1 9+55-36", "a number that was not given, or not so often"},
      {"19.0+55-36", "something that is not part of an expression"},
      {"19+55-36=39", "= and something else than the target"},
      {"19+55-36=38=38", "= and something else than the target"},
      {"19+55-36=38.0", "= and something else than the target"},
      {"19+55-36=", "= and something else than the target"},
      {"38=19+55-36", "a number that was not given, or not so often"},
      {"=38", "not an expression"},
      {"", "not an expression"},
      {"()", "a bracket closes where a number is missing"},
      {"(19+55-36", "unbalanced brackets"},
      {"19+55-36)", "unbalanced brackets"},
      {"(19+55=38)-36", "unbalanced brackets"},
      {")19+55-36(", "a bracket closes where a number is missing"},
      {"(19)(55)-36", "an operator is missing before a bracket"},
      {"19 55-36", "two numbers without an operator"},
      {"19+-36+55", "an operator without a number before it"},
      {"--36+19+55", "an operator without a number before it"},
      {"19**55", "an operator without a number before it"},
      {"55//36", "an operator without a number before it"},
      {"*19", "an operator without a number before it"},
      {"19+55-", "an operator without a number"},
      {"19+55-36!", "something that is not part of an expression"},
      {"55^36", "something that is not part of an expression"},
      {"1e1", "a number that was not given, or not so often"},
      {"３６", "something that is not part of an expression"},
      {"36/(55-55)", "a number that was not given, or not so often"},
      {"19+55-36 or 55-36+19", "something that is not part of an expression"},
  };
  for (const auto& [answer, reason] : cases) {
    EXPECT_FALSE(right(answer)) << answer;
    EXPECT_EQ(why(answer), reason) << answer;
  }
  EXPECT_EQ(countdown().judge(item_of({3, 8, 8}, 24), "3/(8-8)").why, "division by zero");
}

TEST(Countdown, NearnessSaysHowFarAWholeExpressionIsOff) {
  const OrderedJson item = item_of({19, 36, 55}, 38);
  EXPECT_EQ(countdown().judge(item, "19+55-36").nearness, 1);
  EXPECT_DOUBLE_EQ(countdown().judge(item, "19+55+36").nearness, 1.0 / 73);
  EXPECT_DOUBLE_EQ(countdown().judge(item, "55-36-19").nearness, 1.0 / 39);
  EXPECT_EQ(countdown().judge(item, "19*2").nearness, 0);
  EXPECT_EQ(countdown().judge(item, "rubbish").nearness, 0);
}

TEST(Countdown, TheLargestItemsDoNotOverflow) {
  const std::vector<int64_t> numbers(8, 9999);
  EXPECT_EQ(countdown().judge(item_of(numbers, 1), "9999*9999*9999*9999*9999*9999*9999*9999").why,
            "makes 99920027994400699944002799920001, not 1");
  EXPECT_TRUE(right("9999/9999*(9999/9999)/(9999/9999)*(9999/9999)", numbers, 1));
}

TEST(Countdown, HostileAnswersTakeLinearTimeAndNoStack) {
  const OrderedJson item = item_of({19, 36, 55}, 38);
  for (const std::string piece :
       {"(", ")", "-", "(-", "1", "19", "+", "=", " ", "(19", "\xE2\x88\x92", "\xC3", "=38"}) {
    std::string answer;
    while (answer.size() < 1'000'000) answer += piece;
    EXPECT_FALSE(countdown().judge(item, answer).right) << piece;
  }
  const std::string open(20'000, '('), close(20'000, ')');
  EXPECT_TRUE(countdown().judge(item, open + "19+55-36" + close).right);  // reply_answer() is what limits brackets
  EXPECT_FALSE(countdown().judge(item, open + "19+55-36").right);
  EXPECT_FALSE(judge_reply(countdown(), item, open + "19+55-36" + close).right);
}

// A random expression of the numbers in this order, with its value by the definition (recursion over doubles' exact
// cousins: numerator and denominator in long double are exact at these sizes).
struct Drawn {
  std::string text;
  long double num = 0, den = 1;
  bool defined = true;
};

Drawn draw_expression(std::span<const int64_t> numbers, Rng& rng) {
  if (numbers.size() == 1) return {std::to_string(numbers[0]), static_cast<long double>(numbers[0])};
  const size_t cut = 1 + rng.below(numbers.size() - 1);
  const Drawn a = draw_expression(numbers.first(cut), rng), b = draw_expression(numbers.subspan(cut), rng);
  const char op = "+-*/"[rng.below(4)];
  Drawn made{"(" + a.text + op + b.text + ")", 0, 1, a.defined && b.defined && (op != '/' || b.num != 0)};
  if (op == '+') made.num = a.num * b.den + b.num * a.den, made.den = a.den * b.den;
  if (op == '-') made.num = a.num * b.den - b.num * a.den, made.den = a.den * b.den;
  if (op == '*') made.num = a.num * b.num, made.den = a.den * b.den;
  if (op == '/') made.num = a.num * b.den, made.den = a.den * b.num;
  return made;
}

TEST(Countdown, RandomExpressionsHaveTheValueOfTheDefinition) {
  Rng rng(3);
  int reached = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::vector<int64_t> numbers(2 + rng.below(4));
    for (int64_t& n : numbers) n = 1 + static_cast<int64_t>(rng.below(20));
    const Drawn drawn = draw_expression(numbers, rng);
    const bool whole = drawn.defined && std::fmod(drawn.num, drawn.den) == 0 && drawn.num / drawn.den >= 1;
    const int64_t target =
        whole ? static_cast<int64_t>(drawn.num / drawn.den) : 1 + static_cast<int64_t>(rng.below(99));
    EXPECT_EQ(right(drawn.text, numbers, target), whole) << drawn.text << " = " << target;
    EXPECT_FALSE(right(drawn.text, numbers, target + 1)) << drawn.text;
    if (whole) ++reached;
    EXPECT_TRUE(!whole || countdown_solvable({numbers, target})) << drawn.text;
  }
  EXPECT_GT(reached, 2000);
}

TEST(Countdown, BracketsThatThePrecedenceMakesNeedlessChangeNothing) {
  EXPECT_TRUE(right("2+3*4", {2, 3, 4}, 14));
  EXPECT_FALSE(right("(2+3)*4", {2, 3, 4}, 14));
  EXPECT_TRUE(right("2*3+4*5", {2, 3, 4, 5}, 26));
  EXPECT_TRUE(right("20-8/4*2", {2, 4, 8, 20}, 16));
  EXPECT_TRUE(right("(-2+3)*4", {2, 3, 4}, 4));
}

// ---- Items ----

TEST(Countdown, BadItemsAreErrorsThatNameTheField) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"({"task":"countdown"})", "numbers"},
      {R"({"task":"countdown","numbers":[1,2,3]})", "target"},
      {R"({"task":"countdown","numbers":3,"target":3})", "numbers"},
      {R"({"task":"countdown","numbers":[1],"target":3})", "numbers"},
      {R"({"task":"countdown","numbers":[1,2,3,4,5,6,7,8,9],"target":3})", "numbers"},
      {R"({"task":"countdown","numbers":[1,2.5],"target":3})", "numbers"},
      {R"({"task":"countdown","numbers":[1,"2"],"target":3})", "numbers"},
      {R"({"task":"countdown","numbers":[0,2],"target":3})", "numbers"},
      {R"({"task":"countdown","numbers":[-1,2],"target":3})", "numbers"},
      {R"({"task":"countdown","numbers":[10000,2],"target":3})", "numbers"},
      {R"({"task":"countdown","numbers":[1,2],"target":18446744073709551615})", "target"},
      {R"({"task":"countdown","numbers":[1,2],"target":null})", "target"},
  };
  for (const auto& [item, field] : cases) {
    try {
      task_of(parse_ordered_json(item, "test"), "line 7");
      ADD_FAILURE() << item;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("line 7: \"" + std::string(field) + "\""), std::string::npos) << e.what();
    }
  }
}

TEST(Countdown, WhatItMakesCanBeSolvedAndObeysTheRule) {
  std::set<std::string> seen;
  for (const std::string_view kind : countdown().kinds()) {
    for (const Split split : {Split::training, Split::held_out}) {
      Rng rng(5), same(5);
      for (int i = 0; i < 50; ++i) {
        const OrderedJson item = countdown().make(kind, split, rng);
        EXPECT_EQ(item, countdown().make(kind, split, same));
        EXPECT_EQ(&task_of(item, "made"), &countdown());
        EXPECT_EQ(countdown().kind(item), kind);
        EXPECT_EQ(is_held_out(countdown(), item), split == Split::held_out);
        const CountdownItem known{item.at("numbers").get<std::vector<int64_t>>(), item.at("target").get<int64_t>()};
        EXPECT_TRUE(countdown_solvable(known));
        for (const int64_t n : known.numbers) EXPECT_TRUE(n >= 1 && n <= 99);
        EXPECT_TRUE(known.target >= 10 && known.target <= 99);
        seen.insert(countdown().canonical(item));
      }
    }
  }
  EXPECT_GT(seen.size(), 195u);
  EXPECT_EQ(countdown().canonical(item_of({55, 19, 36}, 38)), "countdown 19 36 55 = 38");
  EXPECT_FALSE(countdown_solvable({{1, 1, 1}, 99}));
  EXPECT_TRUE(countdown_solvable({{3, 3, 8, 8}, 24}));
}

TEST(Countdown, QuestionsNameTheNumbersAndTheTargetInManyWays) {
  const OrderedJson item = item_of({19, 36, 55}, 38);
  Rng rng(6);
  std::set<std::string> training, held_out;
  for (int i = 0; i < 3000; ++i) {
    training.insert(question_of(countdown(), item, Wordings::training, rng));
    held_out.insert(question_of(countdown(), item, Wordings::held_out, rng));
  }
  for (const auto* questions : {&training, &held_out}) {
    for (const std::string& text : *questions) {
      const size_t first = text.find("19"), second = text.find("36"), third = text.find("55");
      EXPECT_TRUE(first < second && second < third && third != std::string::npos) << text;
      EXPECT_NE(text.find("38"), std::string::npos) << text;
      EXPECT_EQ(text.find_first_of("{}|"), std::string::npos) << text;
    }
  }
  EXPECT_GT(training.size(), 300u);
  EXPECT_GT(held_out.size(), 40u);
  for (const std::string& text : held_out) EXPECT_EQ(training.count(text), 0u) << text;
  EXPECT_EQ(training.count("Make 38 from 19 36 55."), 1u);
  OrderedJson own = item;
  own["question"] = "?";
  EXPECT_EQ(question_of(countdown(), own, Wordings::training, rng), "?");
}

// ---- Traces ----

// a?b=c for whole numbers.
bool holds(const std::string& equation) {
  std::istringstream in(equation);
  int64_t a = 0, b = 0, c = 0;
  char op = 0, equals = 0;
  in >> a >> op >> b >> equals >> c;
  if (!in || equals != '=' || !in.eof()) return false;
  return op == '+' ? a + b == c : op == '-' ? a - b == c : op == '*' ? a * b == c : b != 0 && a == b * c;
}

// `goal?with=needed`: one of the ways to undo a step.
bool undoes(int64_t goal, const std::string& candidate) {
  const int64_t with = std::stoll(candidate.substr(1)), needed = std::stoll(candidate.substr(candidate.find('=') + 1));
  switch (candidate[0]) {
    case '+':
      return needed == goal + with;
    case '-':
      return needed == std::abs(goal - with);
    case '*':
      return needed == goal * with;
    default:
      return needed * with == goal || needed * goal == with;
  }
}

std::vector<std::string> listed(const std::string& numbers) {
  return split(numbers.substr(numbers.find(':') + 1), ' ');
}

// Every line says what is so; only the last candidate is a hit; the last line leads to the target.
void expect_true_trace(const OrderedJson& item, const Trace& trace) {
  const std::vector<std::string> lines = split(trace.thinking, '\n');
  ASSERT_GE(lines.size(), 3u);
  std::vector<std::string> firsts, seconds;
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    const std::string& line = lines[i];
    const size_t semicolon = line.find(';'), colon = line.find(':');
    if (line.find(',') != std::string::npos) {
      firsts = listed(line.substr(0, semicolon));
      seconds = listed(line.substr(semicolon + 1));
      continue;
    }
    const bool pairs = semicolon != std::string::npos;
    std::string head = line.substr(0, std::min(semicolon, colon));
    int64_t goal = item.at("target").get<int64_t>();
    ASSERT_EQ(std::stoll(head), goal) << line;
    const size_t op = head.find_first_of("+-*/");
    if (op != std::string::npos) {
      EXPECT_TRUE(undoes(goal, head.substr(op))) << line;
      goal = std::stoll(head.substr(head.find('=') + 1));
    }
    const std::vector<std::string>& expected = pairs ? seconds : firsts;
    std::set<std::string> seen;
    for (std::string candidate : split(line.substr(std::min(semicolon, colon) + 1), ' ')) {
      const bool hit = candidate.ends_with('!');
      if (hit) candidate.pop_back();
      EXPECT_TRUE(undoes(goal, candidate)) << line;
      const std::string needed = candidate.substr(candidate.find('=') + 1);
      EXPECT_TRUE(seen.insert(needed).second) << line;
      EXPECT_EQ(hit, std::count(expected.begin(), expected.end(), needed) == 1) << line;
      EXPECT_EQ(hit, i + 2 == lines.size() && line.ends_with("=" + needed + "!")) << line;
    }
  }
  const std::vector<std::string> steps = split(lines.back(), ' ');
  EXPECT_EQ(steps.size(), item.at("numbers").size() - 1) << lines.back();
  for (const std::string& done : steps) EXPECT_TRUE(holds(done)) << done;
  EXPECT_TRUE(lines.back().ends_with("=" + std::to_string(item.at("target").get<int64_t>())));
  const Verdict verdict = judge_reply(countdown(), item, "<think>" + trace.thinking + "</think>" + trace.answer);
  EXPECT_TRUE(verdict.right) << trace.answer << ": " << verdict.why;
}

TEST(Countdown, EveryLineOfATraceIsTrueAndItsAnswerRight) {
  Rng rng(7);
  for (const std::string_view kind : countdown().kinds()) {
    int traces = 0;
    for (int i = 0; i < 300; ++i) {
      const OrderedJson item = countdown().make(kind, Split::training, rng);
      const auto trace = countdown().trace(item, 100'000, rng);
      if (!trace) continue;  // only fractions or numbers above 199 solve it
      ++traces;
      expect_true_trace(item, *trace);
      if (HasFailure()) FAIL() << item << "\n" << trace->thinking << "\n" << trace->answer;
    }
    EXPECT_GT(traces, 260) << kind;
  }
}

TEST(Countdown, ATraceFindsWhatWholeNumbersCanMake) {
  // A whole search finds an answer wherever there is one of whole numbers up to 199: items made by such expressions.
  Rng rng(8);
  for (int i = 0; i < 300; ++i) {
    std::vector<int64_t> left(3 + rng.below(2));
    for (int64_t& n : left) n = 1 + static_cast<int64_t>(rng.below(12));
    const std::vector<int64_t> numbers = left;
    while (left.size() > 1) {
      const size_t at = rng.below(left.size() - 1);
      const int64_t a = std::max(left[at], left[at + 1]), b = std::min(left[at], left[at + 1]);
      const uint64_t op = rng.below(4);
      left[at] = op == 0 ? a + b : op == 1 ? a - b : op == 2 || b == 0 || a % b != 0 ? a * b : a / b;
      if (left[at] > 199) left[at] = a - b;
      left.erase(left.begin() + static_cast<int64_t>(at) + 1);
    }
    if (left[0] == 0) continue;
    const OrderedJson item = item_of(numbers, left[0]);
    const auto trace = countdown().trace(item, 100'000, rng);
    ASSERT_TRUE(trace) << item;
    expect_true_trace(item, *trace);
  }
}

TEST(Countdown, TracesHaveTheirLimitAndTheirKinds) {
  Rng rng(9);
  int fits = 0;
  for (int i = 0; i < 200; ++i) {
    const auto trace = countdown().trace(item_of({2, 3, 5, 7}, 49), 300, rng);
    if (!trace) continue;
    ++fits;
    EXPECT_LE(trace->thinking.size(), 300u);
  }
  EXPECT_TRUE(fits > 0 && fits < 200) << fits;
  EXPECT_FALSE(countdown().trace(item_of({3, 3, 8, 8}, 24), 100'000, rng));  // fractions alone
  EXPECT_FALSE(countdown().trace(item_of({1, 2}, 3), 100'000, rng));
  EXPECT_FALSE(countdown().trace(item_of({1, 2, 3, 4, 5}, 15), 100'000, rng));
  Rng once(10), again(10);
  EXPECT_EQ(countdown().trace(item_of({19, 36, 55}, 38), 1000, once)->thinking,
            countdown().trace(item_of({19, 36, 55}, 38), 1000, again)->thinking);
}

}  // namespace
}  // namespace hadal::tasks
