#include "engine/steps/think_budget.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace hadal {
namespace {

// Takes tokens, a letter each: '<' begins thoughts and '>' ends them. Returns each one's role, "t", "F" or ".", with
// the token that was forced in place of the one that was sampled.
std::string roles(bool opened, std::optional<int64_t> limit, std::string_view sampled) {
  GenerateRequest request;
  if (!opened) request.think_begin = '<';
  request.think_end = '>';
  request.think_tokens = limit;
  ThinkBudget budget(request);
  std::string out;
  for (const char c : sampled) {
    switch (budget.take(budget.forced().value_or(c))) {
      case TokenRole::plain:
        out += '.';
        break;
      case TokenRole::thought:
        out += 't';
        break;
      case TokenRole::forced:
        out += 'F';
        break;
    }
  }
  return out;
}

TEST(ThinkBudget, ForcesTheEndOfThoughtsOnce) {
  EXPECT_EQ(roles(true, 3, "abcdef"), "tttF..");
  EXPECT_EQ(roles(true, 3, "ab>def"), "tt....");
  EXPECT_EQ(roles(true, 3, "abc>ef"), "tttF..") << "who samples it too late has it forced";
  EXPECT_EQ(roles(true, 0, "abc"), "F..");
  EXPECT_EQ(roles(true, {}, "abc>a>"), "ttt...");
  EXPECT_EQ(roles(true, 100, "abc"), "ttt");
}

TEST(ThinkBudget, TheModelMayOpenItsThoughtsItself) {
  EXPECT_EQ(roles(false, 3, "<abcd"), "tttF.");
  EXPECT_EQ(roles(false, 3, "<a>bc"), "tt...");
  EXPECT_EQ(roles(false, 3, "abcdef"), "......") << "an answer without thoughts";
  EXPECT_EQ(roles(false, 3, "a<bcdef"), ".......") << "one that speaks of the token";
  EXPECT_EQ(roles(false, 0, "<ab"), "tF.");
  EXPECT_EQ(roles(false, 0, "ab"), "..");
}

TEST(ThinkBudget, WithoutAnEndThereAreNoThoughts) {
  GenerateRequest request;
  request.think_tokens = 0;
  ThinkBudget budget(request);
  EXPECT_FALSE(budget.forced().has_value());
  EXPECT_EQ(budget.take(5), TokenRole::plain);
}

}  // namespace
}  // namespace hadal
