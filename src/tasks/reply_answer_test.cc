#include <gtest/gtest.h>

#include "tasks/task.h"

namespace hadal::tasks {
namespace {

std::string answer(std::string_view reply) {
  const ReplyAnswer found = reply_answer(reply);
  EXPECT_EQ(found.text.has_value(), found.why.empty()) << reply;
  return found.text.value_or("none");
}

std::string repeated(std::string_view text, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i) result += text;
  return result;
}

TEST(ReplyAnswer, StandsBehindTheOneEndOfThinking) {
  EXPECT_EQ(answer("<think>1</think>2"), "2");
  EXPECT_EQ(answer("1</think>2"), "2");  // where the prompt has opened the thinking
  EXPECT_EQ(answer("2"), "2");
  EXPECT_EQ(answer("<think>1"), "none");
  EXPECT_EQ(answer("<think>1</think>"), "none");
  EXPECT_EQ(answer("<think>1</think> \n\t"), "none");
  EXPECT_EQ(answer("<think>1</think>2</think>3"), "none");
  EXPECT_EQ(answer("<think>1</think><think>2</think>3"), "none");
  EXPECT_EQ(answer("1</think>2<think>3"), "none");
  EXPECT_EQ(answer(""), "none");
}

TEST(ReplyAnswer, ABoxComesFirstThenTheTagThenTheLastLine) {
  EXPECT_EQ(answer("\\boxed{5} <answer>6</answer>\n7"), "5");
  EXPECT_EQ(answer("<answer>5</answer> <answer> 6 </answer>\n7"), "6");
  EXPECT_EQ(answer("5\n6\n\n \n"), "6");
  EXPECT_EQ(answer("5\r6\r\n"), "6");
  EXPECT_EQ(answer("\\boxed{\\frac{1}{2}}"), "\\frac{1}{2}");
  EXPECT_EQ(answer("\\boxed{\\}}"), "\\}");
  EXPECT_EQ(answer("<think>\\boxed{1}</think>2"), "2");
}

TEST(ReplyAnswer, BoxesMustAgreeAndHaveAnEnd) {
  EXPECT_EQ(answer("\\boxed{5}, so \\boxed{ 5 }"), "5");
  EXPECT_EQ(answer("\\boxed{5} or \\boxed{6}"), "none");
  EXPECT_EQ(answer("\\boxed{5} \\boxed{"), "none");
  EXPECT_EQ(answer("\\boxed{\\boxed{5}}"), "none");
  EXPECT_EQ(answer("\\boxed{}"), "none");
  EXPECT_EQ(answer("<answer>5"), "none");
  EXPECT_EQ(answer("<answer></answer>"), "none");
}

TEST(ReplyAnswer, TheLastLineIsReadWithoutTheWordsAroundIt) {
  EXPECT_EQ(answer("The answer is 5."), "5");
  EXPECT_EQ(answer("the ANSWER is: 5"), "5");
  EXPECT_EQ(answer("Answer: 1.5"), "1.5");
  EXPECT_EQ(answer("Answer: The answer is Ada is a knave."), "Ada is a knave");
  EXPECT_EQ(answer("So the answer is 5."), "So the answer is 5");
  EXPECT_EQ(answer("The answer is"), "none");
}

TEST(ReplyAnswer, LengthAndBracketsHaveLimits) {
  EXPECT_EQ(answer(std::string(4000, '1')).size(), 4000u);
  EXPECT_EQ(answer(std::string(4001, '1')), "none");
  EXPECT_EQ(answer(repeated("×", 4000)).size(), 8000u);  // characters, not bytes
  EXPECT_EQ(answer(repeated("×", 4001)), "none");
  EXPECT_EQ(answer(std::string(100, '(') + "1" + std::string(100, ')')).size(), 201u);
  EXPECT_EQ(answer(std::string(101, '(') + "1" + std::string(101, ')')), "none");
  EXPECT_EQ(answer(repeated("(1)", 200)).size(), 600u);  // levels, not brackets
}

TEST(ReplyAnswer, HostileRepliesTakeLinearTime) {
  for (const std::string_view piece : {"(", "\\boxed{", "\\boxed{1}", "<answer>", "</answer>", "<think>", "</think>",
                                       "Answer: ", "The answer is ", "\n", ". ", "\\", "{", "}"}) {
    answer(repeated(piece, 1'000'000 / piece.size()));
    answer("<think></think>" + repeated(piece, 1'000'000 / piece.size()));
  }
}

}  // namespace
}  // namespace hadal::tasks
