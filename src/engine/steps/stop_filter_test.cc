#include "engine/steps/stop_filter.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hadal {
namespace {

TEST(StopFilter, HoldsBackWhatMayBeginAStopString) {
  StopFilter filter({"###", "User:"});
  EXPECT_EQ(filter.push("Hello #"), "Hello ");
  EXPECT_EQ(filter.push("#"), "");
  EXPECT_EQ(filter.push(" no. Us"), "## no. ");
  EXPECT_EQ(filter.push("er"), "");
  EXPECT_FALSE(filter.found());
  EXPECT_EQ(filter.push(": more"), "");
  EXPECT_TRUE(filter.found());
  EXPECT_EQ(filter.push("nothing comes after"), "");
  EXPECT_EQ(filter.finish(), "");
}

TEST(StopFilter, TheFirstStopStringCounts) {
  StopFilter filter({"late", "b"});
  EXPECT_EQ(filter.push("abc late"), "a");
  EXPECT_TRUE(filter.found());
}

TEST(StopFilter, GivesBackWhatWasHeldAtTheEnd) {
  StopFilter filter({"\n\nUser"});
  EXPECT_EQ(filter.push("Bye.\n\n"), "Bye.");
  EXPECT_EQ(filter.finish(), "\n\n");
}

TEST(StopFilter, NeverCutsACharacter) {
  StopFilter filter({"\xa9!"});  // begins inside "é"
  std::string out = filter.push("caf\xc3\xa9");
  EXPECT_EQ(out, "caf");
  out += filter.push(" x");
  EXPECT_EQ(out, "caf\xc3\xa9 x");
}

// However the text is cut, the outcome is the same as for the whole text at once.
TEST(StopFilter, CutsDoNotMatter) {
  Rng rng(3);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 30; ++i) text += static_cast<char>('a' + rng.below(2));
    const std::vector<std::string> stops = {"aabab", "bbbb", "abaabaa"};
    size_t first = std::string::npos;
    for (const auto& stop : stops) first = std::min(first, text.find(stop));
    StopFilter filter(stops);
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const size_t n = 1 + rng.below(4);
      out += filter.push(std::string_view(text).substr(at, n));
      at += n;
    }
    out += filter.finish();
    EXPECT_EQ(filter.found(), first != std::string::npos);
    EXPECT_EQ(out, text.substr(0, first)) << text;
  }
}

}  // namespace
}  // namespace hadal
