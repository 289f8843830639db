// The loop on several ranks: every rank ends with the same bits, which are those of one rank up to the rounding of
// sums; a stop, a bad step or a damaged checkpoint on one rank is everybody's.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "train/checkpoint.h"
#include "train/testing/forecaster.h"
#include "train/testing/test_support.h"
#include "train/testing/thread_ranks.h"
#include "train/trainer.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;
using test::Forecaster;
using test::TemporaryFolder;
using test::ThreadRanks;

TrainerOptions options_for(const Path& run) {
  TrainerOptions o;
  o.run = run;
  o.stages = {{"one", 6, 0, 0, 0.02, 0.02, {3, 0.5, 0}}, {"two", 3, 0, 0, 0.005, 0.005, {0, 0.5, 0}}};
  o.spec.precision = Precision::f32;
  o.spec.checkpoint_every_minutes = 0;
  o.spec.optimizer.muon = false;  // it multiplies in bf16, which makes more of the rounding of a sum
  o.quiet = true;
  return o;
}

struct Ended {
  TrainSummary summary;
  std::vector<float> weights;
  std::string error;
};

// `prepare` may change what a rank begins with.
std::vector<Ended> train(int64_t size, const TrainerOptions& options,
                         const std::function<void(int64_t rank, Forecaster&, TrainerOptions&)>& prepare = {}) {
  std::vector<Ended> ended(static_cast<size_t>(size));
  ThreadRanks(size).run([&](Collective& ranks) {
    Ended& mine = ended[static_cast<size_t>(ranks.rank())];
    Forecaster f(static_cast<uint64_t>(ranks.rank() + 1));  // all begin with what rank 0 has
    TrainerOptions o = options;
    o.ranks = &ranks;
    if (prepare) prepare(ranks.rank(), f, o);
    ThreadPool pool(1);
    mine.error = error_of([&] { mine.summary = Trainer(f, o, pool).run(); });
    mine.weights = f.numbers();
  });
  return ended;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, static_cast<double>(std::abs(a[i] - b[i])));
  return most;
}

TEST(TrainerRanks, AllEndWithTheSameBitsAndCloseToOneRank) {
  const Ended alone = train(1, options_for({}))[0];
  for (const int64_t size : {2, 4}) {  // of 4, two have no data
    const auto ended = train(size, options_for({}));
    for (const Ended& e : ended) {
      EXPECT_TRUE(e.summary.finished);
      EXPECT_EQ(e.summary.steps, 9);
      EXPECT_EQ(e.summary.tokens, alone.summary.tokens);
      EXPECT_NEAR(e.summary.last_loss, alone.summary.last_loss, 1e-5);
      EXPECT_TRUE(test::same(e.weights, ended[0].weights));
    }
    EXPECT_LT(difference(ended[0].weights, alone.weights), 1e-5);  // weights of about 0.3, steps of up to 0.02
    EXPECT_EQ(ended[0].summary.evaluations.size(), 1u);
    EXPECT_TRUE(test::same(train(size, options_for({}))[0].weights, ended[0].weights));  // in every run
  }
}

TEST(TrainerRanks, OneRankIsTheTrainerAlone) {
  Forecaster f;
  Trainer(f, options_for({})).run();
  EXPECT_TRUE(test::same(train(1, options_for({}))[0].weights, f.numbers()));
}

// Rank 0 alone reads and writes.
TEST(TrainerRanks, ResumedIsUninterruptedBitForBit) {
  const TemporaryFolder folder;
  const auto straight = train(2, options_for({}));
  TrainerOptions o = options_for(folder.path());
  o.max_steps = 4;
  train(2, o);
  ASSERT_EQ(list_checkpoints(o.run).size(), 1u);
  o.max_steps = 0;
  o.resume = true;
  const auto resumed = train(2, o, [](int64_t rank, Forecaster& f, TrainerOptions&) {
    f = Forecaster(static_cast<uint64_t>(70 + rank));  // other weights: all must come from the checkpoint
  });
  for (const Ended& e : resumed) EXPECT_TRUE(test::same(e.weights, straight[0].weights));
}

// A checkpoint knows nothing of ranks.
TEST(TrainerRanks, ACheckpointOfTwoGoesOnAlone) {
  const TemporaryFolder folder;
  TrainerOptions o = options_for(folder.path());
  o.max_steps = 4;
  train(2, o);
  o.max_steps = 0;
  o.resume = true;
  Forecaster f(70);
  EXPECT_TRUE(Trainer(f, o).run().finished);
  EXPECT_LT(difference(f.numbers(), train(1, options_for({}))[0].weights), 1e-5);
}

TEST(TrainerRanks, AStopOnOneStopsAllAfterTheSameStep) {
  const TemporaryFolder folder;
  std::atomic<bool> stop = false;
  const auto ended = train(2, options_for(folder.path()), [&](int64_t rank, Forecaster& f, TrainerOptions& o) {
    if (rank != 1) return;  // the other one has no flag
    o.stop = &stop;
    f.on_step = [&](int64_t step) { stop = step == 4; };
  });
  for (const Ended& e : ended) {
    EXPECT_EQ(e.error, "");
    EXPECT_TRUE(e.summary.stopped);
    EXPECT_EQ(e.summary.steps, 4);
    EXPECT_TRUE(test::same(e.weights, ended[0].weights));
  }
  ASSERT_EQ(list_checkpoints(folder.path()).size(), 1u);
  EXPECT_EQ(checkpoint_step(list_checkpoints(folder.path())[0]), 4);
}

TEST(TrainerRanks, ABadGradientOnOneSkipsTheStepOnAll) {
  const auto ended = train(2, options_for({}), [](int64_t rank, Forecaster& f, TrainerOptions&) {
    if (rank == 1) f.poison_at = 4, f.poison_steps = 1;  // of the first stage; the second has three steps
  });
  for (const Ended& e : ended) {
    EXPECT_TRUE(e.summary.finished);
    EXPECT_EQ(e.summary.skipped_steps, 1);
    EXPECT_TRUE(test::same(e.weights, ended[0].weights));
    for (const float v : e.weights) EXPECT_TRUE(std::isfinite(v));
  }
}

TEST(TrainerRanks, WhatRankZeroCannotReadEndsAll) {
  const TemporaryFolder folder;
  TrainerOptions o = options_for(folder.path());
  o.max_steps = 2;
  train(2, o);
  std::filesystem::remove(folder.path() / "checkpoint-2" / "model.safetensors");
  o.resume = true;
  const auto ended = train(2, o);
  expect_contains(ended[0].error, {"model.safetensors", "found none"});
  expect_contains(ended[1].error, {"rank 0: ", "model.safetensors", "found none"});
}

}  // namespace
}  // namespace hadal
