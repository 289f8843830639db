#include "tasks/kinds/wording.h"

#include <gtest/gtest.h>

#include <set>

namespace hadal::tasks {
namespace {

TEST(Wording, DrawsOneOfTheAlternativesAndFillsTheSlots) {
  Rng rng(1);
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i)
    seen.insert(fill_pattern("[Make|Reach] {t} from {n}[| now].", {{"t", "[38]"}, {"n", "{19}, 36"}}, rng));
  EXPECT_EQ(seen, (std::set<std::string>{"Make [38] from {19}, 36.", "Make [38] from {19}, 36 now.",
                                         "Reach [38] from {19}, 36.", "Reach [38] from {19}, 36 now."}));
  EXPECT_EQ(fill_pattern("", {}, rng), "");
  EXPECT_EQ(fill_pattern("[{a}|{a}]{a}", {{"a", "x"}}, rng), "xx");
  EXPECT_DEATH(fill_pattern("{b}", {{"a", "x"}}, rng), "not given");
  EXPECT_DEATH(fill_pattern("[a|b", {}, rng), "lacks its");
}

TEST(Wording, AQuarterOfThePatternsIsHeldOut) {
  constexpr std::string_view kPatterns[] = {"a", "b", "c", "d", "e"};
  Rng rng(2);
  std::set<std::string_view> training, held_out;
  for (int i = 0; i < 200; ++i) {
    training.insert(draw_pattern(kPatterns, Wordings::training, rng));
    held_out.insert(draw_pattern(kPatterns, Wordings::held_out, rng));
  }
  EXPECT_EQ(training, (std::set<std::string_view>{"a", "b", "c"}));
  EXPECT_EQ(held_out, (std::set<std::string_view>{"d", "e"}));
}

TEST(Wording, MadeUpWordsAreLettersAndSpaces) {
  Rng rng(3);
  EXPECT_EQ(made_up_words(0, rng), "");
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string words = made_up_words(3, rng);
    EXPECT_EQ(std::count(words.begin(), words.end(), ' '), 2) << words;
    for (const char c : words) EXPECT_TRUE(c == ' ' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) << words;
    seen.insert(words);
  }
  EXPECT_GT(seen.size(), 195u);
}

}  // namespace
}  // namespace hadal::tasks
