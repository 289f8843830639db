#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"
#include "tasks/kinds/kinds.h"

namespace hadal::tasks {
namespace {

const Task& echo() { return echo_task(); }

TEST(Echo, TracesReverseNumbersAndAreRight) {
  const OrderedJson item = {{"task", "echo"}, {"text", "Kirum 475, 5 bova 120"}};
  Rng rng(1);
  const auto trace = echo().trace(item, 100, rng);
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->thinking, "Kirum 574, 5 bova 021");
  EXPECT_EQ(trace->answer, "Kirum 475, 5 bova 120");
  EXPECT_FALSE(echo().trace(item, 20, rng));
  for (int i = 0; i < 500; ++i) {
    const OrderedJson made = echo().make("echo", Split::training, rng);
    const std::string reply = echo().trace(made, 1000, rng)->answer;
    EXPECT_TRUE(judge_reply(echo(), made, reply).right) << made;
    EXPECT_NE(question_of(echo(), made, Wordings::training, rng).find(made.at("text")), std::string::npos);
  }
}

TEST(Echo, AnotherTextIsWrong) {
  const OrderedJson item = {{"task", "echo"}, {"text", "Two lines.\nBova 12."}};
  EXPECT_TRUE(judge_reply(echo(), item, "Bova 12").right);
  EXPECT_TRUE(judge_reply(echo(), item, "Two lines.\nBova 12.").right);
  EXPECT_FALSE(judge_reply(echo(), item, "Bova 21").right);
  EXPECT_FALSE(judge_reply(echo(), item, "").right);
}

TEST(Echo, ItemsNeedAText) {
  for (const char* text : {"{}", "{\"text\": 3}", "{\"text\": \"\"}", "{\"text\": \" \\n\"}"})
    EXPECT_THROW(echo().check(parse_ordered_json(text, "test"), "line 1"), Error) << text;
}

}  // namespace
}  // namespace hadal::tasks
