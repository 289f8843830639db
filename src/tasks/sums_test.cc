#include "tasks/sums.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/files.h"
#include "base/json.h"
#include "tasks/answer.h"

namespace hadal::tasks {
namespace {

// In digits or in words, as it was asked.
bool states_result(const std::string& answer, int result) {
  return states_answer(answer, std::to_string(result)) || states_answer(answer, number_words(result));
}

// What evaluations ask: "What is 47 + 38?" or "What is forty-seven plus thirty-eight?"
std::string plain_question(int a, int b, bool words) {
  return words ? "What is " + number_words(a) + " plus " + number_words(b) + "?"
               : "What is " + std::to_string(a) + " + " + std::to_string(b) + "?";
}

TEST(Sums, WritesNumbersInWords) {
  EXPECT_EQ(number_words(0), "zero");
  EXPECT_EQ(number_words(19), "nineteen");
  EXPECT_EQ(number_words(40), "forty");
  EXPECT_EQ(number_words(85), "eighty-five");
  EXPECT_EQ(number_words(100), "one hundred");
  EXPECT_EQ(number_words(115), "one hundred and fifteen");
}

TEST(Sums, HoldsOutAboutATenthOfThePairsSymmetrically) {
  int held_out = 0;
  for (int a = 10; a < 100; ++a) {
    for (int b = 10; b < 100; ++b) {
      EXPECT_EQ(is_held_out(a, b), is_held_out(b, a));
      held_out += is_held_out(a, b);
    }
  }
  EXPECT_GT(held_out, 600);
  EXPECT_LT(held_out, 1000);
  EXPECT_FALSE(is_held_out(5, 50));
}

TEST(Sums, TrainingNeverDrawsAHeldOutPairAndEveryAnswerIsRight) {
  std::set<std::string> forms;
  for (uint64_t i = 0; i < 20000; ++i) {
    Rng rng(3, i);
    const bool held_out = i % 10 == 0;
    const SumDialogue d = make_sum(rng, held_out);
    ASSERT_EQ(is_held_out(d.sum.a, d.sum.b), held_out);
    ASSERT_TRUE(states_result(d.answer, d.sum.result())) << d.question << " / " << d.answer;
    ASSERT_FALSE(states_result(d.answer, d.sum.result() + 1)) << d.answer;
    ASSERT_GE(d.sum.result(), 0);
    ASSERT_EQ(d.answer.back(), '.');
    forms.insert(d.question.substr(0, 8));
  }
  EXPECT_GT(forms.size(), 30u);
}

TEST(Sums, TheSameSeedMakesTheSameDialogue) {
  Rng a(9, 1), b(9, 1);
  EXPECT_EQ(make_sum(a, false).answer, make_sum(b, false).answer);
}

TEST(Sums, TheFileOfHeldOutSumsHoldsNoOthers) {
  std::map<std::string, int> questions;  // all that may stand there
  for (int a = 10; a < 100; ++a) {
    for (int b = 10; b < 100; ++b) {
      if (!is_held_out(a, b)) continue;
      for (const bool in_words : {false, true}) questions[plain_question(a, b, in_words)] = a + b;
    }
  }
  int items = 0;
  for_each_line(Path(HADAL_SOURCE_DIR) / "recipes/data/held_out_sums.jsonl", [&](std::string_view line, int64_t) {
    const Json item = parse_json(line, "held_out_sums.jsonl");
    const auto found = questions.find(item.at("question").get<std::string>());
    EXPECT_NE(found, questions.end()) << line;
    if (found != questions.end()) {
      EXPECT_TRUE(states_result(item.at("answer"), found->second)) << line;
    }
    return ++items > 0;
  });
  EXPECT_GT(items, 100);
}

}  // namespace
}  // namespace hadal::tasks
