#include "tasks/answer.h"

#include <gtest/gtest.h>

namespace hadal::tasks {
namespace {

TEST(Answer, TheLastNumberIsReadAsPeopleWriteIt) {
  EXPECT_EQ(last_number("The total is $1,234.50."), 1234.5);
  EXPECT_EQ(last_number("#### 72"), 72);
  EXPECT_EQ(last_number("It is -3"), -3);
  EXPECT_EQ(last_number("5-3"), 3);
  EXPECT_EQ(last_number("1,2"), 2);
  EXPECT_EQ(last_number("12,345,678 apples"), 12345678);
  EXPECT_EQ(last_number("3.5.2"), 2);
  EXPECT_FALSE(last_number("none at all"));
}

TEST(Answer, NumbersAreComparedAsNumbers) {
  EXPECT_TRUE(states_answer("First 3, then 4. The answer is 1,234.50.", "#### 1234.5"));
  EXPECT_TRUE(states_answer("-3", "-3"));
  EXPECT_TRUE(states_answer("The answer is 85.", "85"));
  EXPECT_FALSE(states_answer("The answer is 185.", "85"));
  EXPECT_FALSE(states_answer("85 or 86", "85"));
  EXPECT_FALSE(states_answer("3", "-3"));
  EXPECT_FALSE(states_answer("eighty-five", "85"));
  EXPECT_FALSE(states_answer("", "85"));
  EXPECT_TRUE(states_answer("0.33333333", "0.33333334"));
  EXPECT_FALSE(states_answer("0.3333", "0.3334"));
}

TEST(Answer, WordsMustBeTheEndOfTheReply) {
  EXPECT_TRUE(states_answer("Eighty-five.", "eighty-five"));
  EXPECT_TRUE(states_answer("The answer is EIGHTY-FIVE!", "Eighty-five."));
  EXPECT_FALSE(states_answer("The answer is eighty-five, I think", "eighty-five"));
  EXPECT_FALSE(states_answer("The answer is eighty-five.", "five"));
  EXPECT_FALSE(states_answer("The answer is one hundred and five.", "five"));
  EXPECT_FALSE(states_answer("One hundred five", "five"));
  EXPECT_FALSE(states_answer("", "five"));
  EXPECT_FALSE(states_answer("five", ""));
}

TEST(SameAnswer, NumbersByTheirValueTextsByTheirWords) {
  for (const auto& [a, b] : {std::pair("12", "24/2"),
                             {"12.0", "12"},
                             {"1,000", "1000"},
                             {"(1 + 2) * 3", "(1+2)*3"},
                             {"1+2", "2+1"},
                             {"55-36+19", "55 − (36-19) = 38"},
                             {"Ada is a knight.", "ada is a  KNIGHT."},
                             {"Ada is a knight. Ben is a knave.", "Ben: knave, and ADA: knight"},
                             {"Ada may be a knight.", "Ada MAY be a  knight."}})
    EXPECT_TRUE(same_answer(a, b)) << a << " " << b;
  for (const auto& [a, b] : {std::pair("12", "13"),
                             {"12", ""},
                             {"1+2", "4-1"},
                             {"1*2+3", "1+2*3"},
                             {"1+2=4", "2+1"},
                             {"7-8", "3-4"},
                             {"1+2", "3"},
                             {"Ada is a knight.", "Ada is a knave."},
                             {"Ada is a knight. Ben is a knave.", "Ada is a knave. Ben is a knight."},
                             {"Ada: knight", "Ada: knight, Ben: knave"},
                             {"Ada: knight", "Ada: knight, Ada: knight"}})
    EXPECT_FALSE(same_answer(a, b)) << a << " " << b;
}

}  // namespace
}  // namespace hadal::tasks
