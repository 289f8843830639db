#include <fmt/core.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "tasks/kinds/arithmetic_trace.h"
#include "tasks/kinds/kinds.h"
#include "tasks/numbers/exact_number.h"

namespace hadal::tasks {
namespace {

constexpr size_t kNoLimit = 1 << 20;

OrderedJson item(const std::string& expression) { return {{"task", "arithmetic"}, {"expression", expression}}; }

void for_each_row(const char* file, const std::function<void(const OrderedJson&)>& visit) {
  int rows = 0;
  for_each_line(Path(HADAL_SOURCE_DIR) / "tests/reason" / file, [&](std::string_view line, int64_t) {
    visit(parse_ordered_json(line, file));
    return ++rows > 0;
  });
  EXPECT_GT(rows, 5) << file;
}

// Every a*b+c=d of a trace is true; returns how many there are.
int true_equations(const std::string& thinking) {
  int equations = 0;
  for (const std::string& line : split(thinking, '\n')) {
    if (line.find('=') == std::string::npos) continue;
    for (const std::string& part : split(line.substr(0, line.find(':')), ',')) {
      const std::vector<std::string> sides = split(part, '=');
      EXPECT_EQ(sides.size(), 2u) << thinking;
      int value = 0, term = 0;
      char op = '+';
      for (size_t i = 0; i < sides[0].size();) {
        size_t used = 0;
        const int number = std::stoi(sides[0].substr(i), &used);
        if (op == '*')
          term *= number;
        else
          value += term, term = op == '-' ? -number : number;
        i += used;
        if (i < sides[0].size()) op = sides[0][i++];
      }
      EXPECT_EQ(value + term, std::stoi(sides[1])) << thinking;
      EXPECT_EQ(sides[1].size(), 2u);
      ++equations;
    }
  }
  return equations;
}

TEST(ArithmeticTrace, IsWrittenOutLowestDigitFirst) {
  EXPECT_EQ(arithmetic_steps("347", '+', "86"), "743+680\n7+6+0=13,4+8+1=13,3+0+1=04\n334");
  EXPECT_EQ(arithmetic_steps("5", '+', "5"), "5+5\n5+5+0=10\n01");
  EXPECT_EQ(arithmetic_steps("347", '-', "86"), "743-680\n17-6-0=11,14-8-0=06,13-0-1=12\n162");
  EXPECT_EQ(arithmetic_steps("23", '-', "55"), "23<55\n55-32\n15-3-0=12,15-2-0=13\n23-");
  EXPECT_EQ(arithmetic_steps("40", '-', "40"), "04-04\n10-0-0=10,14-4-0=10\n0");
  EXPECT_EQ(arithmetic_steps("86", '*', "347"),
            "743*68\n7*6+00=42,4*6+04=28,3*6+02=20:2|802\n7*8+08=64,4*8+06=38,3*8+05=29\n24892");
  EXPECT_EQ(arithmetic_steps("93", '/', "31"),
            "93/130\n390 1:31=12,93=16,00=10 2:21=11,63=13,00=10 3:11=10,33=10,00=10 4:01=09,03=06,00=09!3");
  EXPECT_EQ(arithmetic_steps("88", '/', "8"),
            "88/80\n80 1:88=10,00=10 2:08=02,00=09!1\n80 1:88=10,00=10 2:08=02,00=09!1");
}

// "781 1:74=13,83=15,10=11 2:34=09,...!5": each column is ten more than its digits' difference, less what was lent.
void expect_true_columns(const std::string& line) {
  const std::vector<std::string> attempts = split(line.substr(0, line.find('!')), ' ');
  std::string rest = attempts[0];
  for (size_t k = 1; k < attempts.size(); ++k) {
    EXPECT_TRUE(attempts[k].starts_with(fmt::format("{}:", k))) << line;
    std::string next;
    int lent = 0;
    for (const std::string& column : split(attempts[k].substr(attempts[k].find(':') + 1), ',')) {
      ASSERT_EQ(column.size(), 5u) << line;
      EXPECT_EQ(column[0], rest[next.size()]) << line;
      EXPECT_EQ(std::stoi(column.substr(3)), 10 + column[0] - column[1] - lent) << line;
      next += column[4];
      lent = column[3] == '0' ? 1 : 0;
    }
    EXPECT_EQ(lent == 1, k + 1 == attempts.size()) << line;
    rest = next;
  }
  EXPECT_EQ(std::ssize(attempts) - 2, line.back() - '0') << line;
}

TEST(ArithmeticTrace, EveryStepIsTrueAndTheLastLineIsTheResult) {
  std::map<char, int> seen;
  for (uint64_t i = 0; i < 4000; ++i) {
    Rng rng(5, i);
    const std::string kind = i % 4 == 0 ? "multiplication44" : "arithmetic";
    const OrderedJson made = arithmetic_task().make(kind, Split::training, rng);
    const auto trace = arithmetic_task().trace(made, kNoLimit, rng);
    ASSERT_TRUE(trace) << made;
    EXPECT_TRUE(judge_reply(arithmetic_task(), made, "<think>" + trace->thinking + "</think>" + trace->answer).right)
        << made;
    const std::string expression = made.at("expression");
    const char op = expression[expression.find_first_of("+-*/")];
    const std::vector<std::string> lines = split(trace->thinking, '\n');
    std::string result(lines.back().rbegin(), lines.back().rend());
    if (op == '/') {
      result.clear();
      for (size_t line = 1; line < lines.size(); ++line) {
        if (!result.empty() || lines[line].back() != '0') result += lines[line].back();
        expect_true_columns(lines[line]);
      }
    } else {
      EXPECT_GT(true_equations(trace->thinking), 0);
    }
    EXPECT_EQ(result, trace->answer) << trace->thinking;
    EXPECT_LE(trace->thinking.size(), op == '/' ? 900u : 300u) << trace->thinking;
    ++seen[op];
  }
  for (const char op : {'+', '-', '*', '/'}) EXPECT_GT(seen[op], 300) << op;
}

TEST(Arithmetic, ThereIsNoTraceWithoutRoomOrWithARest) {
  Rng rng(1);
  const size_t bytes = arithmetic_task().trace(item("347*86"), kNoLimit, rng)->thinking.size();
  EXPECT_TRUE(arithmetic_task().trace(item("347*86"), bytes, rng));
  EXPECT_FALSE(arithmetic_task().trace(item("347*86"), bytes - 1, rng));
  EXPECT_FALSE(arithmetic_task().trace(item("7/8"), kNoLimit, rng));
  EXPECT_EQ(arithmetic_task().trace(item("0/8"), kNoLimit, rng)->answer, "0");
  EXPECT_EQ(arithmetic_task().trace(item("0*8"), kNoLimit, rng)->answer, "0");
  const std::string long_number(100, '9');
  EXPECT_TRUE(arithmetic_task().trace(item(long_number + "*" + long_number), kNoLimit, rng));
}

TEST(Arithmetic, MakesItemsOfTheKindAndHalfOfTheRule) {
  std::set<std::pair<char, size_t>> sizes;
  for (uint64_t i = 0; i < 3000; ++i) {
    for (const std::string_view kind : arithmetic_task().kinds()) {
      Rng rng(6, i), same(6, i);
      const Split split = i % 3 == 0 ? Split::held_out : Split::training;
      const OrderedJson made = arithmetic_task().make(kind, split, rng);
      EXPECT_EQ(made, arithmetic_task().make(kind, split, same));
      EXPECT_EQ(&task_of(made, "made"), &arithmetic_task());
      EXPECT_EQ(arithmetic_task().kind(made), kind);
      EXPECT_EQ(is_held_out(arithmetic_task(), made), split == Split::held_out);
      const std::string e = made.at("expression");
      sizes.emplace(e[e.find_first_of("+-*/")], e.find_first_of("+-*/"));
    }
  }
  for (const char op : {'+', '-', '/'}) {
    for (size_t digits = 1; digits <= 6; ++digits) EXPECT_TRUE(sizes.contains({op, digits})) << op << digits;
  }
  for (size_t digits = 1; digits <= 4; ++digits) EXPECT_TRUE(sizes.contains({'*', digits}));
  EXPECT_EQ(arithmetic_task().kind(item("12345*54321")), "multiplication55");
  EXPECT_EQ(arithmetic_task().kind(item("1234*54321")), "arithmetic");
  EXPECT_EQ(arithmetic_task().kind(item("1234+5432")), "arithmetic");
}

TEST(Arithmetic, AsksInManyWaysAQuarterOfThemHeldOut) {
  std::set<std::string> training, held_out;
  for (uint64_t i = 0; i < 4000; ++i) {
    Rng rng(7, i);
    const OrderedJson asked = item(std::string("347") + "+-*/"[i % 4] + "86");
    const std::string text = arithmetic_task().question(asked, i % 2 ? Wordings::training : Wordings::held_out, rng);
    EXPECT_NE(text.find("347"), std::string::npos) << text;
    EXPECT_NE(text.find("86"), std::string::npos) << text;
    EXPECT_EQ(text.find_first_of("[]{}"), std::string::npos) << text;
    (i % 2 ? training : held_out).insert(text);
  }
  EXPECT_GT(training.size(), 300u);
  EXPECT_GT(held_out.size(), 80u);
  for (const std::string& text : held_out) EXPECT_FALSE(training.contains(text)) << text;
}

TEST(Arithmetic, AgreesWithTheSharedVerdictsAndTakesTheSharedItems) {
  int verdicts = 0;
  for_each_row("verdicts.jsonl", [&](const OrderedJson& row) {
    if (row.at("item").at("task") != "arithmetic") return;
    const Verdict verdict =
        judge_reply(task_of(row.at("item"), "row"), row.at("item"), row.at("reply").get<std::string>());
    EXPECT_EQ(verdict.right, row.at("right").get<bool>()) << row.at("why") << ": " << verdict.why;
    EXPECT_FALSE(verdict.why.empty());
    ++verdicts;
  });
  EXPECT_GE(verdicts, 9);
  for (const char* file : {"arithmetic.jsonl", "multiplication44.jsonl"}) {
    for_each_row(file, [&](const OrderedJson& row) {
      EXPECT_TRUE(is_held_out(task_of(row, file), row)) << row;
      EXPECT_EQ(arithmetic_task().kind(row) + ".jsonl", file);
    });
  }
}

TEST(Arithmetic, JudgesOneExactNumber) {
  const auto right = [](const std::string& expression, const std::string& answer) {
    return arithmetic_task().judge(item(expression), answer).right;
  };
  for (const char* answer : {"29842", "29 842", "29842 apples", "$29,842.00$", "347 × 86 = 29842", "347x86=29842",
                             "86*347 = 29842", "2.9842\\times 10^4", "\\(29842\\)", "+29842", "347 \\cdot 86 = 29842"})
    EXPECT_TRUE(right("347*86", answer)) << answer;
  for (const char* answer : {"29842 29842", "29842, 29842", "59684/2", "347*86=29843", "348*86=29842", "=29842x=1",
                             "29842 or so", "-29842", "29,84,2", "２9842", "29842.0.0", "it is 29842", "", "2984 2"})
    EXPECT_FALSE(right("347*86", answer)) << answer;
  EXPECT_TRUE(right("7/8", "14/16"));
  EXPECT_TRUE(right("7/8", "7÷8 = 7/8"));
  EXPECT_FALSE(right("1680/84", "40/2"));
  EXPECT_FALSE(right("1000/10", "10^2/1"));
}

TEST(Arithmetic, RefusesBadItems) {
  for (const char* bad : {"", "347", "347*", "*86", "-347*86", "347*-86", "347*86*2", "0347*86", "347 * 86", "3.5*2",
                          "347x86", "5/0", "\xd9\xa3*4"})
    EXPECT_THROW(arithmetic_task().check(item(bad), "line 1"), Error) << bad;
  EXPECT_THROW(arithmetic_task().check({{"task", "arithmetic"}}, "line 1"), Error);
  EXPECT_THROW(arithmetic_task().check({{"task", "arithmetic"}, {"expression", 5}}, "line 1"), Error);
  EXPECT_THROW(arithmetic_task().check(item(std::string(101, '9') + "+1"), "line 1"), Error);
  EXPECT_NO_THROW(arithmetic_task().check(item("0+0"), "line 1"));
}

}  // namespace
}  // namespace hadal::tasks
