#include "engine/steps/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

namespace hadal {
namespace {

using Counts = std::vector<int64_t>;
using Standing = Scheduler::Standing;

constexpr Scheduler::Limits kLimits{.max_running = 4, .step_tokens = 100, .block_tokens = 10};

// One that has read `fed` of its tokens, and the blocks for them.
Standing standing(uint64_t group, int64_t prompt, int64_t tokens, int64_t fed) {
  return {.group = group, .prompt = prompt, .tokens = tokens, .fed = fed, .own_blocks = (fed + 9) / 10};
}
Standing fresh(uint64_t group, int64_t prompt) { return standing(group, prompt, prompt, 0); }
Standing writing(uint64_t group, int64_t prompt, int64_t tokens) { return standing(group, prompt, tokens, tokens - 1); }
// One that shares the blocks of its group's prompt.
Standing sharing(uint64_t group, int64_t prompt, int64_t tokens) {
  Standing s = writing(group, prompt, tokens);
  s.own_blocks -= (prompt - 1) / 10;
  return s;
}

TEST(Scheduler, AdmitsInOrderWhileThereArePlacesAndMemory) {
  struct Case {
    const char* what;
    std::vector<Standing> running, waiting;
    int64_t free_blocks;
    size_t expected;
  };
  const Case cases[] = {
      {"nobody waits", {writing(1, 5, 6)}, {}, 100, 0},
      {"room for all", {}, {fresh(1, 5), fresh(2, 15)}, 100, 2},
      {"no more than there are places",
       {writing(1, 5, 6), writing(2, 5, 6)},
       {fresh(3, 5), fresh(4, 5), fresh(5, 5)},
       100,
       2},
      {"who comes first runs, however little memory there is", {}, {fresh(1, 500)}, 1, 1},
      {"a newcomer leaves a block for each that runs", {writing(1, 5, 6)}, {fresh(2, 5)}, 2, 1},
      {"and waits where there is less", {writing(1, 5, 6)}, {fresh(2, 5)}, 1, 0},
      {"a full block counts the next token", {writing(1, 5, 6)}, {fresh(2, 10)}, 2, 0},
      {"what others have still to read is theirs", {standing(1, 50, 50, 10)}, {fresh(2, 5)}, 5, 0},
      {"and no more than that", {standing(1, 50, 50, 10)}, {fresh(2, 5)}, 6, 1},
      {"nobody overtakes", {writing(1, 5, 6)}, {fresh(2, 500), fresh(3, 5)}, 20, 0},
      {"one that was preempted needs room for its answer too", {writing(1, 5, 6)}, {standing(2, 5, 25, 0)}, 3, 0},
      {"which may be there", {writing(1, 5, 6)}, {standing(2, 5, 25, 0)}, 4, 1},
      {"answers of one prompt share its whole blocks",
       {},
       {fresh(1, 95), fresh(1, 95), fresh(1, 95)},
       10 + 1 + 1 + 2 + 1,
       3},
      {"but need the rest for themselves", {}, {fresh(1, 95), fresh(1, 95), fresh(1, 95)}, 10 + 1 + 1, 2},
      {"also of one that runs", {writing(1, 95, 97)}, {fresh(1, 95)}, 2, 1},
      {"a prompt of one token has nothing to share", {writing(1, 1, 2)}, {fresh(1, 1)}, 1, 0},
  };
  for (const Case& c : cases)
    EXPECT_EQ(Scheduler(kLimits).admit(c.running, c.waiting, c.free_blocks), c.expected) << c.what;
}

TEST(Scheduler, PlansWhatEachFeeds) {
  struct Case {
    const char* what;
    std::vector<Standing> running;
    int64_t free_blocks;
    Counts counts;
    size_t preempted = 0;
  };
  const Case cases[] = {
      {"answers go on by a token", {writing(1, 5, 6), writing(2, 5, 16)}, 100, {1, 1}},
      {"a prompt is read in chunks", {fresh(1, 250), writing(2, 5, 6)}, 100, {100, 1}},
      {"to its end", {standing(1, 250, 250, 200), writing(2, 5, 6)}, 100, {50, 1}},
      {"what was preempted is read again, with its answer", {writing(1, 5, 6), standing(2, 5, 45, 0)}, 100, {1, 45}},
      {"a full cache that nobody grows in", {writing(1, 5, 6), writing(2, 5, 7)}, 0, {1, 1}},
      {"the youngest makes room", {writing(1, 5, 11), writing(2, 5, 9), writing(3, 5, 9)}, 0, {1, 1}, 1},
      {"as many as are needed", {fresh(1, 35), writing(2, 5, 9), writing(3, 5, 9), writing(4, 5, 9)}, 2, {35, 1}, 2},
      {"the youngest itself waits where the others need all", {writing(1, 5, 6), writing(2, 5, 11)}, 0, {1}, 1},
      {"the oldest goes on", {writing(1, 5, 11), writing(2, 5, 11)}, 0, {1}, 1},
      {"alone it fits", {writing(1, 5, 11)}, 0, {1}},
      {"one reads the prompt, those that share it wait",
       {fresh(1, 250), fresh(1, 250), fresh(1, 250)},
       100,
       {100, 0, 0}},
      {"also where it is nearly read", {standing(1, 250, 250, 200), fresh(1, 250)}, 100, {50, 0}},
      {"then each reads the last token", {writing(1, 50, 51), fresh(1, 50), fresh(1, 50)}, 100, {1, 1, 1}},
      {"its own answer so far too", {writing(1, 50, 55), standing(1, 50, 60, 0)}, 100, {1, 11}},
      {"the last token may be missing", {standing(1, 50, 50, 49), fresh(1, 50)}, 100, {1, 1}},
      {"other groups do not wait", {fresh(1, 50), fresh(1, 50), fresh(2, 50)}, 100, {50, 0, 50}},
      {"whose first one is gone has another", {fresh(2, 50), fresh(2, 50)}, 100, {50, 0}},
      {"a prompt of one token is read by each", {fresh(1, 1), fresh(1, 1)}, 100, {1, 1}},
      {"sharing takes a block for what follows", {writing(1, 50, 51), fresh(1, 50), fresh(1, 50)}, 3, {1, 1, 1}},
      {"and waits without it", {writing(1, 50, 51), fresh(1, 50), fresh(1, 50)}, 2, {1, 1}, 1},
      {"preempting one that shares frees what is its own", {writing(1, 50, 61), sharing(1, 50, 56)}, 0, {1}, 1},
  };
  for (const Case& c : cases) {
    const Scheduler::Plan plan = Scheduler(kLimits).plan(c.running, c.free_blocks);
    Counts counts;
    for (const Scheduler::Feed& feed : plan.feeds) counts.push_back(feed.count);
    EXPECT_EQ(counts, c.counts) << c.what;
    EXPECT_EQ(plan.preempted, c.preempted) << c.what;
  }
}

TEST(Scheduler, SaysWhoseRowsAreShared) {
  const std::vector<Standing> running = {writing(1, 30, 31), fresh(2, 50), sharing(3, 50, 52), fresh(3, 50)};
  const Scheduler::Plan plan = Scheduler(kLimits).plan(running, 100);
  ASSERT_EQ(plan.feeds.size(), 4u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(plan.feeds[i].shares, 0) << i;
  EXPECT_EQ(plan.feeds[3].shares, 49);
  EXPECT_EQ(plan.feeds[3].source, 2u);
}

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
      {"who waits for another feeds nothing", {5000, 0, 1}, 512, {512, 0, 1}},
  };
  for (const Case& c : cases) {
    Counts found = share_step(c.pending, c.chunk), expected = c.expected;
    int64_t sum = 0, expected_sum = 0;
    for (size_t i = 0; i < found.size(); ++i) sum += found[i], expected_sum += expected[i];
    EXPECT_EQ(sum, expected_sum) << c.what;
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
