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

TEST(Policy, SlotsKeptForFreeRuns) {
  const PolicyRules rules;
  for (const auto& [slots, kept] :
       std::vector<std::pair<int, int>>{{0, 1}, {1, 1}, {4, 1}, {5, 2}, {8, 2}, {9, 3}, {200, 50}})
    EXPECT_EQ(free_slots_kept(rules, slots), kept) << slots;
}

TEST(Policy, SaysWhatNeverFits) {
  constexpr int64_t kGiB = int64_t{1} << 30;
  const std::vector<PolicyNode> nodes = {
      {"a", 4, 8 * kGiB, true, 0}, {"b", 8, 4 * kGiB, false, 0}, {"c", 2, 0, true, 2}};
  struct Row {
    Size size;
    std::string why;
  };
  for (const Row& row :
       std::vector<Row>{{{4, 0, 8 * kGiB}, ""},
                        {{8, 0, 0}, ""},  // a node that is down comes back
                        {{9, 0, 0}, "9 slots on one node; the largest has 8"},
                        {{8, 0, 5 * kGiB}, "8 slots and 5 GiB of memory on one node; no node has both"},
                        {{2, 0, 99 * kGiB}, ""},  // one node's memory is not known
                        {{0, 3, 0}, ""},
                        {{1, 4, 0}, "4 nodes; the cluster has 3"},
                        {{4, 3, 0}, "3 nodes of 4 slots; 2 nodes have as much"}})
    EXPECT_EQ(never_fits(nodes, row.size), row.why);
  EXPECT_EQ(never_fits({{"a", 4, 8 * kGiB, true, 0}}, {1, 0, 9 * kGiB}),
            "9 GiB of memory on one node; the largest has 8 GiB");
}

TEST(Policy, PositionIsTheOrderOfThePasses) {
  World world(PolicyRules{}, {{"n1", 2, 0, true, 0}});
  world.submit("A1", kAda, slots(2));
  world.decide_now();
  const int a2 = world.submit("A2", kAda, slots(1)), p3 = world.submit("P3", kBob, slots(1), 0, 3),
            p2 = world.submit("P2", kCleo, slots(1), 0, 4), b1 = world.submit("B1", kBob, slots(1));
  const auto position_of = [&](int at) {
    return position(world.rules, world.snapshot(), world.runs[static_cast<size_t>(at)].run.id);
  };
  EXPECT_EQ(position_of(b1), 1);  // a first start within the cap; Ada is above hers
  EXPECT_EQ(position_of(p2), 2);  // entitled to the one slot of the promoted; the higher rung
  EXPECT_EQ(position_of(p3), 3);
  EXPECT_EQ(position_of(a2), 4);
  EXPECT_EQ(position(world.rules, world.snapshot(), 1), 0);  // does not wait
}

// Three nodes of 4 slots. Cleo's promoted run wants 4 slots on two of them and has waited long enough for a
// reservation; those who hold slots are known to end, or not.
class PolicyReservation : public ::testing::Test {
 protected:
  PolicyReservation() {
    for (const char* name : {"n1", "n2", "n3"}) snapshot.nodes.push_back({name, 4, 0, true, 0});
    hold(1, "n1", 2, 1500);
    hold(2, "n2", 4, 2000);
    hold(3, "n3", 4, kUnknown);
    wait(4, kCleo, {4, 2, 0}, 1000 - 300);
    snapshot.runs.back().rung = 2;
  }
  void hold(int64_t id, const char* node, int n, double ends) {
    PolicyRun run;
    run.id = run.idea = id;
    run.person = 10 + id;
    run.size.slots = n;
    run.phase = PolicyRun::Phase::active;
    run.started_before = true;
    run.began = 900;
    run.ends = ends;
    run.held = {{node, n}};
    snapshot.runs.push_back(run);
  }
  void wait(int64_t id, int64_t person, Size size, double since, double ends = kUnknown) {
    PolicyRun run;
    run.id = run.idea = id;
    run.person = person;
    run.size = size;
    run.arrived = run.waiting_since = since;
    run.started_before = true;
    run.rung = 2;
    run.ends = ends;
    snapshot.runs.push_back(run);
  }
  std::vector<int64_t> started() {
    snapshot.now = 1000;
    std::vector<int64_t> runs;
    for (const PolicyDecision& d : decide(PolicyRules{}, snapshot))
      if (d.kind == Kind::start) runs.push_back(d.run);
    return runs;
  }
  Snapshot snapshot;
};

TEST_F(PolicyReservation, WhoEndsBeforeMayStart) {
  wait(5, kDan, slots(1), 990, 1999);
  wait(6, kBob, slots(1), 991, 2001);
  EXPECT_EQ(started(), (std::vector<int64_t>{5}));
}

TEST_F(PolicyReservation, WhoLeavesItRoomMayStart) {
  snapshot.nodes.push_back({"n4", 1, 0, true, 0});
  wait(6, kBob, slots(1), 991);
  EXPECT_EQ(started(), (std::vector<int64_t>{6}));
}

TEST_F(PolicyReservation, NobodyKeepsWhatDoesNotWaitLongEnough) {
  snapshot.runs[3].waiting_since = 701;
  wait(6, kBob, slots(1), 991);
  EXPECT_EQ(started(), (std::vector<int64_t>{6}));
}

TEST_F(PolicyReservation, WithoutKnownEndsOnlyTheEntitledKeepWhatComesFree) {
  snapshot.runs[1].ends = kUnknown;
  wait(6, kBob, slots(1), 991);
  EXPECT_EQ(started(), (std::vector<int64_t>{}));
  for (int i : {0, 1, 2}) snapshot.runs[static_cast<size_t>(i)].rung = 5;  // 8 more are above the promoted share now
  EXPECT_EQ(started(), (std::vector<int64_t>{6}));
}

TEST(Policy, ClaimsAreGivenUpWithTheirNode) {
  Snapshot s;
  s.now = 100;
  s.nodes = {{"n1", 2, 0, false, 0}, {"n2", 1, 0, true, 0}};
  PolicyRun run;
  run.id = 1, run.person = kAda, run.size = slots(1), run.claim = {{"n1", 1}};
  s.runs = {run};
  const auto decisions = decide(PolicyRules{}, s);
  ASSERT_EQ(decisions.size(), 2u);
  EXPECT_EQ(decisions[0].kind, Kind::claim);
  EXPECT_TRUE(decisions[0].places.empty());
  EXPECT_EQ(decisions[1].kind, Kind::start);
  EXPECT_EQ(decisions[1].places, (std::vector<Place>{{"n2", 1}}));
}

}  // namespace
}  // namespace hadal::cluster
