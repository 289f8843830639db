#include "train/training_memory.h"

#include "train/testing/test_support.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;

Recipe recipe_with(const std::string& model, const std::string& more = "") {
  return parse_recipe(
      "name = \"r\"\noutput = \"out\"\n" + more + "[model]\ncontext = 4096\n" + model +
          "kv_lora = 128\nnope_dim = 32\nrope_dim = 16\nv_dim = 32\n[[source]]\nname = \"a\"\nkind = \"arithmetic\"\n"
          "[[stage]]\nname = \"s\"\nsources = { a = 1 }\nsequence_length = 512\nbatch_tokens = "
          "8192\nmicro_batch_tokens = 4096\nsteps = 1\n",
      "r.toml");
}
const char* const kWide = "hidden = 1024\nlayers = 24\nheads = 16\n";

TrainingMemory plan(const Recipe& recipe) { return plan_training(recipe, recipe.model, 2); }

double bytes_a_parameter(const Recipe& recipe) {
  const TrainingMemory p = plan(recipe);
  return static_cast<double>(p.state_bytes) / static_cast<double>(p.parameters);
}

TEST(TrainingMemory, CountsStateByOptimizerAndPrecision) {
  EXPECT_NEAR(bytes_a_parameter(recipe_with(kWide)), 16, 0.3);  // 4 weights, 4 gradients, 4 momentum, 2 x 2 packed
  EXPECT_NEAR(bytes_a_parameter(recipe_with(kWide, "optimizer = { matrices = \"adamw\" }\n")), 20, 0.4);
  EXPECT_NEAR(bytes_a_parameter(recipe_with(kWide, "precision = \"f32\"\n")), 20, 0.4);
}

TEST(TrainingMemory, ActivationsGrowWithTheMicroBatchAndTheLayers) {
  Recipe recipe = recipe_with(kWide);
  const double full = static_cast<double>(plan(recipe).activation_bytes);
  recipe.stages[0].micro_batch_tokens = 1024;
  EXPECT_NEAR(static_cast<double>(plan(recipe).activation_bytes), full / 4, 2);
  recipe.stages[0].batch_tokens = 512;  // a micro-batch is never larger than its batch
  EXPECT_NEAR(static_cast<double>(plan(recipe).activation_bytes), full / 8, 2);
  EXPECT_LT(static_cast<double>(plan(recipe_with("hidden = 1024\nlayers = 12\nheads = 16\n")).activation_bytes),
            0.6 * full);
}

// What reinforcement learning trains with: here heads' latents are wider than their keys and values.
TEST(TrainingMemory, TheAbsorbedFormKeepsLatentsOfEachHead) {
  const Recipe recipe = recipe_with(kWide);
  ModelConfig config = recipe.model;
  config.vocab = 1000;
  const auto bytes = [&](MlaForm form) {
    return plan_training(config, recipe.trainer, 100, {.mtp_weight = 0, .mla_form = form}, 2).activation_bytes;
  };
  EXPECT_GT(bytes(MlaForm::absorbed), bytes(MlaForm::expanded) + uint64_t{100} * 24 * 16 * 128 * 4);
}

TEST(TrainingMemory, RefusesWithFigures) {
  const Recipe recipe = recipe_with("hidden = 65536\nlayers = 200\nheads = 2\n");
  TrainingMemory p = plan(recipe);
  p.available_bytes = uint64_t{16} << 30;
  expect_contains(error_of([&] { check_fits(p, "r.toml"); }),
                  {"r.toml", "GB of memory", "available", "17.2 GB", "smaller model"});
  p.available_bytes = p.needed_bytes();
  EXPECT_EQ(error_of([&] { check_fits(p, "r.toml"); }), "");
  p.available_bytes = p.state_bytes + p.work_bytes;
  expect_contains(error_of([&] { check_fits(p, "r.toml"); }), {"smaller micro_batch_tokens"});
  p.available_bytes = p.needed_bytes();
  p.cache_bytes = 2'000'000'000;
  expect_contains(error_of([&] { check_fits(p, "r.toml"); }), {"2.00 GB for the cache of roll-outs"});
}

}  // namespace
}  // namespace hadal
