#include "cluster/policy/sizing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace hadal::cluster {
namespace {

// Twice the slots go `growth` times as fast; each node beyond the first costs a fifth.
ElasticRun run_of(int64_t id, double growth, double remaining, std::vector<int> held = {}) {
  ElasticRun run;
  run.id = id;
  run.held = std::move(held);
  run.max_slots = 64;
  run.remaining = remaining;
  run.speed = [growth](int slots, int nodes) {
    return std::pow(static_cast<double>(slots), std::log2(growth)) * std::pow(.8, nodes - 1);
  };
  return run;
}

TEST(Sizing, OneRunGetsWhatHelpsIt) {
  EXPECT_EQ(size({4, 4}, {run_of(1, 1.9, 1e5)})[0].places, (std::vector<int>{0, 0, 0, 0, 1, 1, 1, 1}));
  ElasticRun no_gain = run_of(1, 1, 1e5);
  EXPECT_EQ(size({4, 4}, {no_gain})[0].places, (std::vector<int>{0}));
  ElasticRun cannot = no_gain;
  cannot.speed = [](int, int) { return 0; };
  EXPECT_TRUE(size({4, 4}, {cannot})[0].places.empty());
}

TEST(Sizing, MinimumAndMaximumHold) {
  ElasticRun run = run_of(1, 1.9, 1e5);
  run.max_slots = 3;
  EXPECT_EQ(size({4, 4}, {run})[0].places.size(), 3);
  run.min_slots = run.max_slots = 9;
  EXPECT_TRUE(size({4, 4}, {run})[0].places.empty());
}

TEST(Sizing, ShortRunsGoFirst) {
  const auto sizings = size({1}, {run_of(1, 1.9, 50'000), run_of(2, 1.9, 500)});
  EXPECT_TRUE(sizings[0].places.empty());
  EXPECT_EQ(sizings[1].places, (std::vector<int>{0}));
}

TEST(Sizing, OfUnknownLengthsWhatDidLessGoesFirst) {
  ElasticRun old_one = run_of(1, 1.9, kUnknown), new_one = run_of(2, 1.9, kUnknown);
  old_one.done = 50'000;
  const auto sizings = size({1}, {old_one, new_one});
  EXPECT_TRUE(sizings[0].places.empty());
  EXPECT_EQ(sizings[1].places, (std::vector<int>{0}));
}

TEST(Sizing, AChangeMustPayForItsRestart) {
  // One slot more for a run that has 15: 6% at the most, a tenth of 300 s for the restart.
  std::vector<int> fifteen(15, 0);
  EXPECT_EQ(size({16}, {run_of(1, 1.9, 1e5, fifteen)})[0].places, fifteen);
  EXPECT_EQ(size({16}, {run_of(1, 1.9, 1e5, std::vector<int>(8, 0))})[0].places.size(), 16);
  ElasticRun at_no_cost = run_of(1, 1.9, 1e5, fifteen);
  at_no_cost.restart_s = 0;
  EXPECT_EQ(size({16}, {at_no_cost})[0].places.size(), 16);
  // What is over in ten seconds gains nothing by anything.
  EXPECT_EQ(size({16}, {run_of(1, 1.9, 50, std::vector<int>(8, 0))})[0].places.size(), 8);
}

TEST(Sizing, WhatChangesIsPackedAroundWhatStays) {
  ElasticRun stays = run_of(1, 1.9, 1e5, {0, 0, 0});
  stays.max_slots = 3;
  ElasticRun pair = run_of(2, 1.9, 1e5), four = run_of(3, 1.9, 1e5);
  pair.max_slots = 2;
  four.max_slots = four.min_slots = 4;
  const auto sizings = size({4, 4, 4}, {stays, pair, four});
  EXPECT_EQ(sizings[0].places, (std::vector<int>{0, 0, 0}));
  EXPECT_EQ(sizings[1].places.front(), sizings[1].places.back());
  EXPECT_EQ(sizings[2].places.size(), 4);
  EXPECT_EQ(sizings[2].places.front(), sizings[2].places.back());
}

TEST(Sizing, NoNodeIsOverfullWhateverIsThere) {
  Rng rng(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<int> slots(1 + rng.below(6));
    for (int& one : slots) one = static_cast<int>(rng.below(9));
    std::vector<int> free = slots;
    std::vector<ElasticRun> runs(rng.below(20));
    for (size_t i = 0; i < runs.size(); ++i) {
      std::vector<int> held;
      for (size_t node = 0; node < slots.size(); ++node)
        while (free[node] > 0 && rng.below(3) == 0) {
          --free[node];
          held.push_back(static_cast<int>(node));
        }
      runs[i] = run_of(static_cast<int64_t>(i), 1 + static_cast<double>(rng.below(100)) / 100,
                       rng.below(3) == 0 ? kUnknown : static_cast<double>(1 + rng.below(100'000)), held);
      runs[i].min_slots = 1 + static_cast<int>(rng.below(3));
      runs[i].max_slots = runs[i].min_slots + static_cast<int>(rng.below(30));
    }
    const auto sizings = size(slots, runs);
    ASSERT_EQ(sizings.size(), runs.size());
    free = slots;
    for (size_t i = 0; i < runs.size(); ++i) {
      EXPECT_EQ(sizings[i].id, runs[i].id);
      const std::vector<int>& places = sizings[i].places;
      EXPECT_TRUE(std::is_sorted(places.begin(), places.end()));
      for (const int node : places) EXPECT_GE(--free[static_cast<size_t>(node)], 0);
      if (places == runs[i].held || places.empty()) continue;
      EXPECT_GE(static_cast<int>(places.size()), runs[i].min_slots);
      EXPECT_LE(static_cast<int>(places.size()), runs[i].max_slots);
    }
  }
}

}  // namespace
}  // namespace hadal::cluster
