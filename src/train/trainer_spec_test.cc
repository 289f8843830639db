#include "train/trainer_spec.h"

#include "base/toml_table.h"
#include "train/testing/test_support.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;

TEST(TrainerSpec, AnEmptyTableIsTheDefaults) {
  TomlTable table = TomlTable::parse("", "r.toml");
  TrainerSpec spec;
  read_run(table, spec);
  spec.optimizer = read_optimizer(table);
  const TrainerSpec defaults;
  EXPECT_EQ(read_precision(table), defaults.precision);
  EXPECT_EQ(spec.checkpoint_every_minutes, defaults.checkpoint_every_minutes);
  EXPECT_EQ(spec.validate_every_steps, defaults.validate_every_steps);
  EXPECT_EQ(spec.keep_checkpoints, defaults.keep_checkpoints);
  EXPECT_EQ(spec.max_bad_steps, defaults.max_bad_steps);
  EXPECT_EQ(spec.optimizer.muon, defaults.optimizer.muon);
  EXPECT_EQ(spec.optimizer.beta2, defaults.optimizer.beta2);
}

// A recipe that is no language model's: its own keys beside those of every run.
TEST(TrainerSpec, ReadsItsKeysAndLeavesTheOthersToTheCaller) {
  TomlTable recipe = TomlTable::parse(
      "precision = \"f32\"\n[run]\nkeep_checkpoints = 5\ncurves = true\n[optimizer]\nmatrices = \"adamw\"\n"
      "clip_norm = 0.5\n[[stage]]\nsteps = 7\nmatrix_lr = 0.01\nwarmup_steps = 2\nfinal_lr = 0.1\n",
      "r.toml");
  EXPECT_EQ(read_precision(recipe), Precision::f32);
  TrainerSpec spec;
  TomlTable run = *recipe.table("run");
  read_run(run, spec);
  EXPECT_EQ(spec.keep_checkpoints, 5);
  expect_contains(error_of([&] { run.finish(); }), {"r.toml:4", "\"curves\""});
  EXPECT_TRUE(run.flag("curves", false));
  run.finish();
  TomlTable optimizer = *recipe.table("optimizer");
  spec.optimizer = read_optimizer(optimizer);
  optimizer.finish();
  EXPECT_FALSE(spec.optimizer.muon);
  EXPECT_EQ(spec.optimizer.clip_norm, 0.5);
  TomlTable stage = recipe.tables("stage").at(0);
  const StagePlan plan = read_stage_plan(stage);
  stage.finish();
  check_stage_plan(plan, stage);
  EXPECT_EQ(plan.steps, 7);
  EXPECT_EQ(plan.matrix_lr, 0.01);
  EXPECT_EQ(plan.other_lr, 0.002);
  EXPECT_EQ(plan.schedule.warmup_steps, 2);
  EXPECT_EQ(plan.schedule.final_lr, 0.1);
  recipe.finish();
}

TEST(TrainerSpec, RefusesWhatNoRunHas) {
  const auto error = [](const std::string& text, const auto& read) {
    return error_of([&] {
      TomlTable table = TomlTable::parse(text, "r.toml");
      read(table);
    });
  };
  const auto run = [](TomlTable& table) {
    TrainerSpec spec;
    read_run(table, spec);
  };
  expect_contains(error("keep_checkpoints = 0", run), {"r.toml:1", "keep_checkpoints", "found 0"});
  expect_contains(error("matrices = \"sgd\"", read_optimizer), {"muon, adamw", "\"sgd\""});
  const auto plan = [](TomlTable& table) { check_stage_plan(read_stage_plan(table), table); };
  expect_contains(error("matrix_lr = 0.1", plan), {"exactly one of steps, tokens and minutes"});
  expect_contains(error("steps = 1\nminutes = 2", plan), {"exactly one of steps, tokens and minutes"});
}

}  // namespace
}  // namespace hadal
