#include "cluster/policy.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/testing/policy_world.h"

namespace hadal::cluster {
namespace {

using testing::World;
using testing::WorldRun;
using Kind = PolicyDecision::Kind;

constexpr int64_t kAda = 1, kBob = 2, kCleo = 3, kDan = 4;

Size slots(int n) { return {n, 0, 0}; }

// The example of the rules: one node of 8 slots, so 2 are kept for free runs and the cap is 1; every run saves within
// 1 s of being asked, and only then. Each row is asserted: who starts and who is suspended at which second, and why.
class PolicyExample : public ::testing::Test {
 protected:
  World world{PolicyRules{}, {{"n1", 8, 0, true, 0}}};
  std::map<std::string, int> at;
  std::vector<std::string> seen;  // "361 start X1 grant", "360 suspend A2 for X1"

  int submit(const std::string& name, int64_t person, int n, int64_t idea = 0) {
    return at[name] = world.submit(name, person, slots(n), idea);
  }
  std::string name(int64_t id) const { return world.runs[static_cast<size_t>(id - 1)].name; }
  void decide() {
    for (const PolicyDecision& d : world.decide_now()) {
      const std::string when = std::to_string(static_cast<int>(world.now));
      if (d.kind == Kind::start) seen.push_back(when + " start " + name(d.run) + " " + d.rule);
      if (d.kind == Kind::suspend) seen.push_back(when + " suspend " + name(d.run) + " for " + name(d.for_run));
      reasons[seen.empty() ? "" : seen.back()] = d.reason;
    }
  }
  void run_until(double s) {
    while (world.now < s) world.pass(), decide();
  }
  std::vector<std::string> take() { return std::exchange(seen, {}); }
  std::map<std::string, std::string> reasons;
};

TEST_F(PolicyExample, OfTheRules) {
  using Lines = std::vector<std::string>;
  for (const char* name : {"A1", "A2", "A3"}) {
    const int run = submit(name, kAda, 1);
    EXPECT_EQ(world.promise(run), 0);
    decide();
  }
  EXPECT_EQ(take(), (Lines{"0 start A1 share", "0 start A2 share", "0 start A3 lent"}));

  run_until(60);
  submit("B1", kBob, 2), decide();
  submit("B2", kBob, 1), decide();
  EXPECT_EQ(take(), (Lines{"60 start B1 lent", "60 start B2 lent"}));

  run_until(100);
  world.grants.push_back({7, 6, 100, 1e9});
  const int x1 = submit("X1", kCleo, 6, 7);
  EXPECT_EQ(world.promise(x1), 690);
  decide();
  run_until(359);
  EXPECT_EQ(take(), Lines{});  // at 300 five slots could be had: not the whole of X1

  run_until(361);
  EXPECT_EQ(take(),
            (Lines{"360 suspend A2 for X1", "360 suspend A3 for X1", "360 suspend B1 for X1", "361 start X1 grant"}));
  EXPECT_EQ(reasons["360 suspend A2 for X1"], "r2 gives 1 slot to r6: lent, 360 s since it began");

  run_until(400);
  const int d1 = submit("D1", kDan, 1);
  EXPECT_EQ(world.promise(d1), 430);
  decide();
  EXPECT_EQ(take(), (Lines{"400 suspend B2 for D1"}));
  EXPECT_EQ(reasons["400 suspend B2 for D1"],
            "r5 gives 1 slot to r7: for another person's first start, 340 s since it began");
  run_until(401);
  EXPECT_EQ(take(), (Lines{"401 start D1 share"}));

  run_until(799);
  EXPECT_EQ(take(), Lines{});  // those who wait ran before, and nothing in the free class is lent

  run_until(800);
  world.end(at["A1"]), decide();
  EXPECT_EQ(take(), (Lines{"800 start B2 share"}));

  run_until(900);
  world.suspend_by_hand(at["B2"]), decide();
  run_until(902);
  EXPECT_EQ(take(), (Lines{"901 start A2 share"}));

  run_until(950);
  world.end(at["X1"]), decide();
  EXPECT_EQ(take(), (Lines{"950 start B1 lent", "950 start A3 lent"}));
  run_until(1000);
  EXPECT_EQ(take(), Lines{});
}

}  // namespace
}  // namespace hadal::cluster
