#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "tasks/kinds/kinds.h"
#include "tasks/kinds/stories.h"
#include "tasks/kinds/story_templates.h"
#include "tasks/numbers/exact_number.h"

namespace hadal::tasks {
namespace {

constexpr size_t kNoLimit = 1 << 20;

OrderedJson math_item(const std::string& gold) { return {{"task", "math"}, {"question", "?"}, {"answer", gold}}; }

bool right(const std::string& gold, const std::string& reply) {
  const OrderedJson item = math_item(gold);
  return judge_reply(task_of(item, "item"), item, reply).right;
}

TEST(Math, AgreesWithTheSharedAnswers) {
  int rows = 0;
  for_each_line(Path(HADAL_SOURCE_DIR) / "tests/reason/answers.jsonl", [&](std::string_view line, int64_t) {
    const OrderedJson row = parse_ordered_json(line, "answers.jsonl");
    EXPECT_EQ(right(row.at("gold"), row.at("reply")), row.at("right").get<bool>()) << line;
    return ++rows > 0;
  });
  EXPECT_GE(rows, 37);
}

TEST(Math, ComparesExactly) {
  EXPECT_TRUE(right("She has 9 * 2 = 18 dollars.\n#### 18", "<think>9*2=18</think>She makes $18.00 every day."));
  EXPECT_TRUE(right("#### 1,080", "1080"));
  EXPECT_TRUE(right("20", "1680/84"));
  EXPECT_TRUE(right("x = 5", "The answer is 5."));
  EXPECT_TRUE(right("5", "\\boxed{4} \\boxed{5} The final answer is 5. I hope it is correct."));
  EXPECT_FALSE(right("5", "The final answer is 5. \\boxed{4} \\boxed{5}"));
  EXPECT_FALSE(right("0.1", "0.1000000000000000055511151231257827"));
  EXPECT_FALSE(right("5", "<think>5</think>"));
  EXPECT_FALSE(right("5", "10-5"));
  EXPECT_FALSE(right("3", "the sum 2, 3"));
  EXPECT_FALSE(right("5", std::string(20000, '(') + "5"));
  EXPECT_FALSE(right("5", "5 or 6"));
  const OrderedJson number = {{"task", "math"}, {"question", "?"}, {"answer", 0.5}};
  EXPECT_TRUE(judge_reply(task_of(number, "item"), number, "1/2").right);
}

TEST(Math, RefusesItemsWithoutANumber) {
  for (const char* bad :
       {R"({"task":"math","question":"?"})", R"({"task":"math","answer":"5"})",
        R"({"task":"math","question":"?","answer":"five"})", R"({"task":"math","question":"?","answer":null})",
        R"({"task":"math","question":1,"answer":"5"})", R"({"task":"math","question":"?","answer":"5","steps":[1]})"})
    EXPECT_THROW(task_of(parse_ordered_json(bad, "test"), "line 1"), Error) << bad;
}

TEST(Math, OwnItemsHaveTheirQuestionAndNoTrace) {
  const OrderedJson item = {{"task", "math"}, {"question", "What is 2 + 3?"}, {"answer", "5"}};
  Rng rng(1);
  EXPECT_EQ(math_task().canonical(item), "math What is 2 + 3?");
  EXPECT_EQ(question_of(math_task(), item, Wordings::training, rng), "What is 2 + 3?");
  EXPECT_EQ(math_task().kind(item), "math");
  EXPECT_FALSE(math_task().trace(item, kNoLimit, rng));
}

TEST(Stories, AreItemsOfTheHalfThatWasAskedFor) {
  std::set<std::string> questions;
  for (uint64_t i = 0; i < 3000; ++i) {
    Rng rng(3, i), same(3, i);
    const Split split = i % 3 == 0 ? Split::held_out : Split::training;
    const OrderedJson item = math_task().make("stories", split, rng);
    EXPECT_EQ(item, math_task().make("stories", split, same));
    EXPECT_EQ(&task_of(item, "made"), &math_task());
    EXPECT_EQ(math_task().kind(item), "stories");
    EXPECT_EQ(is_held_out(math_task(), item), split == Split::held_out);
    const auto trace = math_task().trace(item, kNoLimit, rng);
    ASSERT_TRUE(trace);
    EXPECT_FALSE(math_task().trace(item, trace->thinking.size() - 1, rng));
    EXPECT_TRUE(judge_reply(math_task(), item, "<think>" + trace->thinking + "</think>" + trace->answer).right) << item;
    questions.insert(item.at("question"));
  }
  EXPECT_GT(questions.size(), 2900u);
}

// Every step is a true equation of numbers that the question or an earlier step gave, and the last one is the answer.
TEST(Stories, StepsLeadFromTheQuestionToTheAnswer) {
  for (uint64_t i = 0; i < 4000; ++i) {
    Rng rng(4, i);
    const Story story = make_story(i % 2 ? Wordings::training : Wordings::held_out, rng);
    std::set<std::string> known = {"2", "3", "4"};  // legs, and "the three of them"
    std::string number;
    for (const char c : story.question + " ") {
      if (c >= '0' && c <= '9')
        number += c;
      else if (!number.empty())
        known.insert(std::exchange(number, ""));
    }
    const std::vector<std::string> steps = split(story.steps, '\n');
    EXPECT_GE(steps.size(), 2u);
    EXPECT_LE(steps.size(), 3u);
    for (const std::string& step : steps) {
      const size_t op = step.find_first_of("+-*/"), equals = step.find('=');
      const std::string a = step.substr(0, op), b = step.substr(op + 1, equals - op - 1), c = step.substr(equals + 1);
      EXPECT_TRUE(known.contains(a) && known.contains(b)) << story.question << "\n" << story.steps;
      EXPECT_EQ(exact_result(a, step[op], b), c) << step;
      EXPECT_GT(std::stoll(c), 0);
      known.insert(c);
      if (&step == &steps.back()) EXPECT_EQ(c, story.answer);
    }
  }
}

TEST(Stories, AreToldFromFortyTemplatesInCleanEnglish) {
  EXPECT_GE(story_templates().size(), 40u);
  std::set<std::string_view> texts;
  for (const StoryTemplate& t : story_templates()) texts.insert(t.text);
  EXPECT_EQ(texts.size(), story_templates().size());
  for (uint64_t i = 0; i < 4000; ++i) {
    Rng rng(5, i);
    const std::string text = make_story(i % 2 ? Wordings::training : Wordings::held_out, rng).question;
    EXPECT_EQ(text.find_first_of("[]{}|"), std::string::npos) << text;
    EXPECT_EQ(text.find("  "), std::string::npos) << text;
    EXPECT_EQ(text.find(" ."), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with('?')) << text;
    EXPECT_FALSE(has_word(text, "1")) << text;  // all nouns are plural
  }
}

}  // namespace
}  // namespace hadal::tasks
