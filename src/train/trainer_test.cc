// The loop over a module that is no language model: a two-layer forecaster of ops with a squared error. Resuming,
// skipped steps, stopping, damaged checkpoints, a full disk.
#include "train/trainer.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <map>
#include <set>

#include "base/json.h"
#include "train/checkpoint.h"
#include "train/testing/forecaster.h"
#include "train/testing/test_support.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;
using test::Forecaster;
using test::TemporaryFolder;

TrainerOptions options_for(const Path& run, int64_t steps) {
  TrainerOptions o;
  o.run = run;
  o.stages = {{"one", steps, 0, 0, 0.02, 0.02, {3, 0.5, 0}}, {"two", 3, 0, 0, 0.005, 0.005, {0, 0.5, 0}}};
  o.spec.precision = Precision::f32;
  o.spec.checkpoint_every_minutes = 0;
  o.spec.validate_every_steps = 0;
  o.quiet = true;
  return o;
}

class TrainerTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
};

TEST_F(TrainerTest, TrainsAModuleThatIsNoLanguageModel) {
  Forecaster f;
  Context ctx;
  ctx.precision = Precision::f32;
  const double before = f.evaluate(ctx, local_collective())[0].metrics[0].value;
  const TrainSummary s = Trainer(f, options_for({}, 400)).run();
  EXPECT_TRUE(s.finished);
  EXPECT_EQ(s.steps, 403);
  EXPECT_EQ(s.tokens, 403 * 64);
  EXPECT_LT(s.evaluations.at(0).find("loss")->value, 0.2 * before);
  EXPECT_GT(s.mfu, 0);
}

TEST_F(TrainerTest, MaySaveTheStart) {
  Forecaster f;
  const std::vector<float> before = f.numbers();
  TrainerOptions o = options_for(folder_.path(), 2);
  o.save_start = true;
  o.max_steps = 1;
  int64_t validations = 0;
  o.after_validation = [&](const TrainSummary& s) { validations += s.steps == 0; };
  Trainer(f, o).run();
  EXPECT_EQ(validations, 1);
  std::filesystem::remove_all(folder_.path() / "checkpoint-1");
  o.resume = true;
  o.max_steps = 0;
  int64_t steps = 0;
  Forecaster resumed(99);
  resumed.on_step = [&](int64_t step) { steps += step == 1 && test::same(resumed.numbers(), before); };
  Trainer(resumed, o).run();
  EXPECT_EQ(steps, 2);  // both micro-batches of the first step had the weights of checkpoint-0
  EXPECT_EQ(validations, 1);
}

TEST_F(TrainerTest, AStartWhoseCheckpointWasNotWrittenIsValidatedAgainAndLoggedOnce) {
  TrainerOptions o = options_for(folder_.path(), 2);
  o.save_start = true;
  o.resume = true;
  o.max_steps = 1;
  for (int process = 0; process < 2; ++process) {
    Forecaster f;
    Trainer(f, o).run();
    for (const Path& checkpoint : list_checkpoints(folder_.path())) std::filesystem::remove_all(checkpoint);
  }
  int64_t of_start = 0;
  for_each_line(folder_.path() / "metrics.jsonl", [&](std::string_view line, int64_t) {
    of_start += parse_json(line, "line")["step"] == 0;
    return true;
  });
  EXPECT_EQ(of_start, 1);
}

// Its second step finds nothing to learn.
class Idle : public Forecaster {
 public:
  int64_t begin_step(Collective& ranks) override { return ++steps_ == 2 ? 0 : Forecaster::begin_step(ranks); }
  void end_step(Collective&, bool updated, StepStats& stats) override {
    if (steps_ == 2) EXPECT_TRUE(!updated && test::same(numbers(), before_));
    before_ = numbers();
    stats.line = "idle";
  }

 private:
  int64_t steps_ = 0;
  std::vector<float> before_;
};

TEST_F(TrainerTest, AStepWithoutDataLeavesTheWeights) {
  Idle f;
  const TrainSummary s = Trainer(f, options_for({}, 3)).run();
  EXPECT_TRUE(s.finished);
  EXPECT_EQ(s.skipped_steps, 0);
  EXPECT_EQ(s.tokens, 5 * 64);
}

TEST_F(TrainerTest, ResumedIsUninterruptedBitForBit) {
  Forecaster straight, parts;
  Trainer(straight, options_for({}, 6)).run();
  TrainerOptions o = options_for(folder_.path(), 6);
  for (const int64_t stop : {2, 3, 7, 0}) {  // in both stages
    Forecaster fresh(99);                    // other weights: all must come from the checkpoint
    if (stop == 2) fresh = Forecaster();
    o.max_steps = stop;
    o.resume = stop != 2;
    const TrainSummary s = Trainer(fresh, o).run();
    EXPECT_EQ(s.finished, stop == 0);
    EXPECT_EQ(s.steps, stop == 0 ? 9 : stop);
    EXPECT_EQ(test::same(fresh.numbers(), straight.numbers()), stop == 0);
  }
  // metrics.jsonl holds each step once.
  int64_t expected = 0;
  for_each_line(folder_.path() / "metrics.jsonl", [&](std::string_view line, int64_t) {
    const Json json = parse_json(line, "line");
    if (json.contains("train/loss")) {
      EXPECT_EQ(json["step"].get<int64_t>(), ++expected);
    }
    return true;
  });
  EXPECT_EQ(expected, 9);
}

TEST_F(TrainerTest, AFinishedRunThatIsResumedLeavesItsFiguresAsTheyAre) {
  Forecaster f, again(99);
  TrainerOptions o = options_for(folder_.path(), 6);
  o.spec.validate_every_steps = 3;
  const TrainSummary first = Trainer(f, o).run();
  const std::string metrics = read_file(folder_.path() / "metrics.jsonl");
  o.resume = true;
  const TrainSummary second = Trainer(again, o).run();
  EXPECT_TRUE(second.finished);
  EXPECT_EQ(second.steps, first.steps);
  EXPECT_EQ(second.last_loss, first.last_loss);
  EXPECT_EQ(second.evaluations.at(0).find("loss")->value, first.evaluations.at(0).find("loss")->value);
  EXPECT_EQ(read_file(folder_.path() / "metrics.jsonl"), metrics);
}

TEST_F(TrainerTest, SkipsStepsThatAreNotFiniteAndGoesOn) {
  Forecaster f;
  f.poison_at = 5, f.poison_steps = 2;
  const TrainSummary s = Trainer(f, options_for(folder_.path(), 50)).run();
  EXPECT_TRUE(s.finished);
  EXPECT_EQ(s.skipped_steps, 2);
  for (const float v : f.numbers()) EXPECT_TRUE(std::isfinite(v));
}

std::vector<std::string> names_in(const Path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_directory() && entry.path().filename() != "tensorboard")
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// Step 6 is saved, and the gradients are not finite from step 7 on: those weights are set aside, and the last ones that
// are known to be good were not displaced by them.
TEST_F(TrainerTest, ADivergingStreakLeavesTheGoodCheckpointAndResumeGoesOn) {
  Forecaster f;
  f.poison_at = 7, f.poison_steps = 1000;
  TrainerOptions o = options_for(folder_.path(), 50);
  o.spec.max_bad_steps = 4;
  o.spec.checkpoint_every_steps = 2;
  o.spec.keep_checkpoints = 1;
  expect_contains(error_of([&] { Trainer(f, o).run(); }),
                  {"not finite in 4 steps in a row", "diverged-6", "--resume goes on from checkpoint-4"});
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"checkpoint-4", "diverged-6"}));
  Forecaster again(3);
  o.resume = true;
  o.spec.max_bad_steps = 1;  // the streak that ended the run does not count any more
  EXPECT_TRUE(Trainer(again, o).run().finished);
  EXPECT_EQ(names_in(folder_.path()),
            (std::vector<std::string>{"checkpoint-52", "checkpoint-53"}));  // 53 is not yet known to be good
}

TEST_F(TrainerTest, AStreakThatBeginsBehindTheOnlyCheckpointBeginsAnew) {
  Forecaster f;
  f.poison_at = 5, f.poison_steps = 1000;
  TrainerOptions o = options_for(folder_.path(), 50);
  o.spec.max_bad_steps = 4;
  o.spec.checkpoint_every_steps = 4;
  expect_contains(error_of([&] { Trainer(f, o).run(); }), {"diverged-4", "--resume begins anew"});
  Forecaster again, straight;
  o.resume = true;
  EXPECT_TRUE(Trainer(again, o).run().finished);
  Trainer(straight, options_for({}, 50)).run();
  EXPECT_TRUE(test::same(again.numbers(), straight.numbers()));
}

// A loss that is finite but far above the stage's first one: such weights never displace the good ones either.
TEST_F(TrainerTest, WeightsWorseThanTheFirstOnesAreNotGood) {
  Forecaster f;
  f.explode_at = 7;
  f.poison_at = 12, f.poison_steps = 1000;
  TrainerOptions o = options_for(folder_.path(), 50);
  o.spec.max_bad_steps = 2;
  o.spec.checkpoint_every_steps = 1;
  o.spec.keep_checkpoints = 2;
  expect_contains(error_of([&] { Trainer(f, o).run(); }), {"--resume goes on from checkpoint-6"});
  EXPECT_EQ(list_checkpoints(folder_.path()).size(), 1u);
}

// Three ends: by the flag, by max_steps, by itself.
TEST_F(TrainerTest, AStopRequestSavesAndStops) {
  Forecaster f;
  std::atomic<bool> stop = false;
  TrainerOptions o = options_for(folder_.path(), 50);
  o.stop = &stop;
  o.max_steps = 4;
  TrainSummary s = Trainer(f, o).run();
  EXPECT_FALSE(s.finished || s.stopped);
  o.max_steps = 0, o.resume = true;
  f.on_step = [&](int64_t step) { stop = step == 6; };
  s = Trainer(f, o).run();
  EXPECT_FALSE(s.finished);
  EXPECT_TRUE(s.stopped);
  EXPECT_EQ(s.steps, 6);
  EXPECT_EQ(list_checkpoints(folder_.path()).back().filename(), "checkpoint-6");
  f.on_step = {};
  stop = false;
  s = Trainer(f, o).run();
  EXPECT_TRUE(s.finished);
  EXPECT_FALSE(s.stopped);
}

// What stops at a budget in tokens is measured there, and goes on to the bits and the choices of a run that never
// stopped.
TEST_F(TrainerTest, ABudgetStopsWithAValidationAndChangesNothing) {
  Forecaster straight;
  std::set<int64_t> offered, offered_straight;  // one that ends a stage is offered again
  TrainerOptions o = options_for({}, 6);
  o.spec.validate_every_steps = 4;
  o.after_validation = [&](const TrainSummary& s) { offered_straight.insert(s.steps); };
  const TrainSummary whole = Trainer(straight, o).run();
  o.run = folder_.path();
  o.after_validation = [&](const TrainSummary& s) { offered.insert(s.steps); };
  o.resume = true;
  const int64_t step_tokens = whole.tokens / whole.steps;
  int64_t stops = 0;
  for (const int64_t budget : {2 * step_tokens - 1, 2 * step_tokens, 4 * step_tokens, 6 * step_tokens}) {
    o.max_tokens = budget;
    Forecaster fresh(99);
    if (stops == 0) fresh = Forecaster();
    const TrainSummary s = Trainer(fresh, o).run();
    EXPECT_TRUE(s.spent && !s.finished && !s.stopped);
    EXPECT_GE(s.tokens, budget);
    EXPECT_LT(s.tokens, budget + step_tokens);
    EXPECT_EQ(checkpoint_step(list_checkpoints(folder_.path()).back()), s.steps);
    ++stops;
  }
  o.max_tokens = 0;
  Forecaster last(98);
  const TrainSummary s = Trainer(last, o).run();
  EXPECT_TRUE(s.finished && !s.spent);
  EXPECT_TRUE(test::same(last.numbers(), straight.numbers()));
  EXPECT_EQ(offered, offered_straight);
  std::map<int64_t, int64_t> validations;  // each step once, with its tokens
  for_each_line(folder_.path() / "metrics.jsonl", [&](std::string_view line, int64_t) {
    const Json json = parse_json(line, "line");
    const Json& tokens = json.contains("tokens") ? json["tokens"] : json.at("train/tokens");
    EXPECT_EQ(tokens.get<int64_t>(), json.at("step").get<int64_t>() * step_tokens);
    for (const auto& [key, value] : json.items())
      if (key.starts_with("validation/") && key.ends_with("/loss")) ++validations[json["step"].get<int64_t>()];
    return true;
  });
  EXPECT_EQ(validations, (std::map<int64_t, int64_t>{{2, 1}, {4, 1}, {6, 1}, {8, 1}, {9, 1}}));
}

TEST_F(TrainerTest, ABudgetAtTheEndIsNone) {
  Forecaster f;
  TrainerOptions o = options_for({}, 6);
  const int64_t all = Trainer(f, o).run().tokens;
  o.max_tokens = all;
  Forecaster again;
  const TrainSummary s = Trainer(again, o).run();
  EXPECT_TRUE(s.finished && !s.spent);
}

// Another process has taken the run over: nothing of it changes any more.
TEST_F(TrainerTest, WhoMayNotPublishWritesNothing) {
  Forecaster f;
  TrainerOptions o = options_for(folder_.path(), 50);
  o.spec.checkpoint_every_steps = 2;
  bool may = true;
  o.may_publish = [&] {
    if (!may) fail("attempt 3 has begun");
  };
  f.on_step = [&](int64_t step) { may = step < 5; };
  expect_contains(error_of([&] { Trainer(f, o).run(); }), {"attempt 3 has begun"});
  EXPECT_EQ(list_checkpoints(folder_.path()).back().filename(), "checkpoint-4");
  int64_t last = 0;
  for_each_line(folder_.path() / "metrics.jsonl", [&](std::string_view line, int64_t) {
    last = parse_json(line, "line").at("step");
    return true;
  });
  EXPECT_EQ(last, 4);
}

TEST_F(TrainerTest, KeepsTheNewestCheckpointsOnly) {
  Forecaster f;
  TrainerOptions o = options_for(folder_.path(), 9);
  o.spec.checkpoint_every_steps = 2;
  Trainer(f, o).run();
  const auto all = list_checkpoints(folder_.path());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].filename(), "checkpoint-12");
}

// The newest is damaged or half removed: a run goes on from the one before it, to the same bits.
TEST_F(TrainerTest, GoesOnFromTheCheckpointBeforeADamagedOne) {
  Forecaster straight;
  Trainer(straight, options_for({}, 9)).run();
  const auto break_newest = [&](const Path& newest, int way) {
    if (way == 0) std::filesystem::remove(newest / "model.safetensors");
    if (way == 1) std::filesystem::remove(newest / "state.json");
    if (way == 2) write_file_whole(newest / "state.json", "{\"format\": 2, \"fi");
    if (way == 3) write_file_whole(newest / "optimizer.safetensors", "short");
  };
  for (const int way : {0, 1, 2, 3}) {
    TrainerOptions o = options_for(folder_.path() / std::to_string(way), 9);
    o.spec.checkpoint_every_steps = 2;
    o.max_steps = 6;
    Forecaster f;
    Trainer(f, o).run();
    break_newest(o.run / "checkpoint-6", way);
    o.max_steps = 0, o.resume = true, o.spec.checkpoint_every_steps = 0;
    Forecaster again(5);
    EXPECT_TRUE(Trainer(again, o).run().finished);
    EXPECT_TRUE(test::same(again.numbers(), straight.numbers())) << way;
    EXPECT_FALSE(std::filesystem::exists(o.run / "damaged-6"));  // gone with the next one that was written
  }
}

TEST_F(TrainerTest, NamesADamagedCheckpoint) {
  Forecaster f;
  TrainerOptions o = options_for(folder_.path(), 6);
  o.max_steps = 3;
  Trainer(f, o).run();
  o.resume = true;
  const Path checkpoint = folder_.path() / "checkpoint-3", file = checkpoint / "model.safetensors";
  const std::string good = read_file(file);
  auto error = [&] {
    return error_of([&] {
      Forecaster g;
      Trainer(g, o).run();
    });
  };
  std::string bad = good;
  bad[bad.size() - 5] ^= 1;
  write_file_whole(file, bad);
  expect_contains(error(), {"model.safetensors", "checksum", "remove the folder"});
  write_file_whole(file, good.substr(0, good.size() / 2));
  expect_contains(error(), {"model.safetensors", "damaged", "bytes"});
  std::filesystem::remove(file);
  expect_contains(error(), {"model.safetensors", "found none"});
  write_file_whole(file, good);
  EXPECT_EQ(error(), "");
  for (const auto& newer : list_checkpoints(folder_.path())) {
    if (newer != checkpoint) std::filesystem::remove_all(newer);
  }
  write_file_whole(checkpoint / "state.json", "{\"format\": 1}");
  expect_contains(error(), {"state.json", "damaged"});
}

// Writes beyond a limit fail as they do on a full disk; the checkpoint before stays, and nothing half-written is left.
TEST_F(TrainerTest, AFailedWriteLeavesTheCheckpointBeforeIt) {
  Forecaster f;
  ThreadPool pool(1);
  Optimizer optimizer(f.params(), OptimizerSpec{}, pool);
  const Json state = {{"steps", 1}};
  save_checkpoint(folder_.path(), 1, f.params(), optimizer, state);
  struct rlimit before {};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit tight = before;
  tight.rlim_cur = 1024;
  setrlimit(RLIMIT_FSIZE, &tight);
  const std::string error = error_of([&] { save_checkpoint(folder_.path(), 2, f.params(), optimizer, state); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  expect_contains(error, {"checkpoint-2", "could not be written", "untouched"});
  ASSERT_EQ(list_checkpoints(folder_.path()).size(), 1u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
  EXPECT_EQ(load_checkpoint(folder_.path() / "checkpoint-1", f.params(), optimizer).at("steps"), 1);
}

}  // namespace
}  // namespace hadal
