#include "engine/steps/share_step.h"

#include <gtest/gtest.h>

#include <string_view>

namespace hadal {
namespace {

using Counts = std::vector<int64_t>;

TEST(ShareStep, ShortPromptsDoNotWaitForLongOnes) {
  struct Case {
    const char* what;
    Counts pending;
    int64_t chunk;
    Counts expected;
  };
  const Case cases[] = {
      {"nobody", {}, 512, {}},
      {"answers only", {1, 1, 1}, 512, {1, 1, 1}},
      {"one prompt has the whole chunk", {5000}, 512, {512}},
      {"its rest", {300}, 512, {300}},
      {"a long prompt beside answers", {5000, 1, 1}, 512, {512, 1, 1}},
      {"short prompts are read whole, whoever came first", {5000, 10, 20}, 512, {482, 10, 20}},
      {"also before", {10, 20, 5000}, 512, {10, 20, 482}},
      {"long ones share evenly", {5000, 4000, 3000}, 512, {171, 171, 170}},
      {"a rest goes to those that need it", {100, 5000, 5000}, 500, {100, 200, 200}},
      {"more readers than tokens", {9, 9, 9, 1}, 2, {1, 1, 1, 1}},
  };
  for (const Case& c : cases) {
    Counts found = share_step(c.pending, c.chunk), expected = c.expected;
    int64_t sum = 0, wanted = 0;
    for (size_t i = 0; i < found.size(); ++i) sum += found[i], wanted += expected[i];
    EXPECT_EQ(sum, wanted) << c.what;
    if (std::string_view(c.what) == "long ones share evenly") std::ranges::sort(found), std::ranges::sort(expected);
    EXPECT_EQ(found, expected) << c.what;
  }
}

// 63 short answers and one prompt of 100,000 tokens: every answer gets its token in every step, until the prompt is
// read.
TEST(ShareStep, ALongPromptStarvesNobody) {
  Counts pending(64, 1);
  pending[20] = 100000;
  while (pending[20] > 1) {
    const Counts counts = share_step(pending, 512);
    for (size_t i = 0; i < counts.size(); ++i) ASSERT_EQ(counts[i], i == 20 ? std::min<int64_t>(512, pending[20]) : 1);
    pending[20] = std::max<int64_t>(1, pending[20] - counts[20]);
  }
}

}  // namespace
}  // namespace hadal
