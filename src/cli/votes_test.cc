#include "cli/votes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hadal {
namespace {

Votes votes_of(const std::vector<std::string>& texts) {
  constexpr std::string_view kCut = " [...]";
  std::vector<ChatModel::Answer> replies;
  for (std::string text : texts) {
    const bool cut = text.ends_with(kCut);
    if (cut) text.resize(text.size() - kCut.size());
    replies.push_back({{"assistant", text}, cut});
  }
  return count_votes(replies);
}

void expect_votes(const std::vector<std::string>& texts, size_t winner, size_t agree) {
  const Votes votes = votes_of(texts);
  EXPECT_EQ(votes.winner, winner) << texts[0];
  EXPECT_EQ(votes.agree, agree) << texts[0];
  EXPECT_EQ(votes.of, texts.size());
}

TEST(Votes, GoToTheAnswerThatMostGive) {
  expect_votes({"7", "The answer is 8.", "Let me see.\n8"}, 1, 2);
  expect_votes({"0.5", "\\boxed{1/2}", "2"}, 0, 2);
  expect_votes({"1,234", "7", "7", "1234", "Answer: 1234"}, 0, 3);
  expect_votes({"7", "8"}, 0, 1);
  expect_votes({"8", "55-36+19", "55-(36-19) = 38"}, 1, 2);
}

TEST(Votes, RepliesWithoutAnAnswerHaveNone) {
  expect_votes({"", "", "8"}, 2, 1);
  expect_votes({"", ""}, 0, 0);
  expect_votes({"12 [...]", "12 [...]", "123"}, 2, 1);
  expect_votes({"12 [...]", "1 [...]"}, 0, 0);
}

}  // namespace
}  // namespace hadal
