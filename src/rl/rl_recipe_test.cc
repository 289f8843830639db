#include "rl/rl_recipe.h"

#include <gtest/gtest.h>

#include "train/testing/test_support.h"

namespace hadal::rl {
namespace {

std::string text_with(const std::string& rl, const std::string& more = "") {
  return fmt::format("name = \"r\"\noutput = \"out\"\nstart = \"start.toml\"\n{}\n[rl]\nsteps = 10\n{}", more, rl);
}
RlRecipe parse(const std::string& rl, const std::string& more = "") {
  return parse_rl_recipe(text_with(rl, more), "folder/r.toml");
}

TEST(RlRecipe, ReadsItsKeys) {
  const RlRecipe r = parse(
      "tasks = { countdown3 = 0.25, countdown4 = 0.75, mine = 0 }\nsamples = 4\nadvantage = \"leave_one_out\"\nloss = "
      "\"dr_grpo\"\n"
      "off_policy_limit = 0.5\noptimizer = \"adamw\"\nmax_thinking_tokens = 100\nmax_answer_tokens = 20\nmatrix_lr = "
      "0.001\n");
  EXPECT_EQ(r.output, Path("folder/out"));
  EXPECT_TRUE(r.start_is_recipe);
  EXPECT_EQ(r.start, "folder/start.toml");
  ASSERT_EQ(r.tasks.size(), 2u);
  EXPECT_EQ(r.tasks[1].first, "countdown4");
  EXPECT_EQ(r.train_samples, 4);
  EXPECT_EQ(r.loss.advantage, AdvantageKind::leave_one_out);
  EXPECT_EQ(r.loss.loss, LossKind::dr_grpo);
  EXPECT_EQ(r.loss.max_length, 120);
  EXPECT_EQ(r.loss.off_policy_limit, 0.5);
  EXPECT_FALSE(r.trainer.optimizer.muon);
  EXPECT_EQ(r.trainer.optimizer.weight_decay, 0);
  EXPECT_EQ(r.plan.steps, 10);
  EXPECT_EQ(r.plan.matrix_lr, 0.001);
}

TEST(RlRecipe, RefusesWhatCannotBe) {
  const std::string tasks = "tasks = { countdown3 = 1 }\n";
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"", {"tasks"}},
      {"tasks = { countdwn3 = 1 }", {"r.toml:7", "countdwn3", "countdown3"}},
      {"tasks = { countdown3 = 0 }", {"at least one kind"}},
      {tasks + "sampels = 4", {"r.toml:8", "sampels", "samples"}},
      {tasks + "samples = 1", {"r.toml:8", "at least 2", "found 1"}},
      {tasks + "top_p = 0.9", {"r.toml:8", "top_p", "whole vocabulary"}},
      {tasks + "min_p = 0.1", {"min_p", "whole vocabulary"}},
      {tasks + "advantage = \"median\"", {"r.toml:8", "advantage", "median", "leave_one_out"}},
      {tasks + "loss = \"ppo\"", {"r.toml:8", "loss", "ppo", "gspo"}},
      {tasks + "reference = \"pilot\"", {"reference", "kl_weight"}},
      {tasks + "train_samples = 99", {"train_samples", "99"}},
      {tasks + "[optimizer]\nmatrices = \"adamw\"", {"matrices", "[rl] optimizer"}},
  };
  for (const auto& [rl, parts] : cases) test::expect_contains(test::error_of([&] { parse(rl); }), parts);
  test::expect_contains(test::error_of([&] { parse(tasks, "[[items]]\nname = \"countdown3\"\npath = \"x\""); }),
                        {"countdown3", "another name"});
}

TEST(RlRecipe, KnowsATrainingRecipe) {
  const std::string training = "name = \"t\"\noutput = \"out\"\n[model]\n[[stage]]\n";
  test::expect_contains(test::error_of([&] { parse_rl_recipe(training, "t.toml"); }),
                        {"t.toml:4", "hadal train", "start"});
}

TEST(RlRecipe, NamesAVerifier) {
  const std::string items = "[[items]]\nname = \"mine\"\npath = \"mine.jsonl\"\n", tasks = "tasks = { mine = 1 }\n";
  EXPECT_FALSE(parse(tasks, items).files.at(0).verifier);
  const auto spec = parse(tasks, items +
                                     "verifier = [\"python3\", \"check.py\"]\nverifier_seconds = 0.5\n"
                                     "verifier_memory_mb = 100\nverifier_processes = 5\nverifier_disk_mb = 7")
                        .files.at(0)
                        .verifier.value();
  EXPECT_EQ(spec.sandbox.command, (std::vector<std::string>{"python3", "check.py"}));
  EXPECT_EQ(spec.sandbox.folder, Path("folder"));
  EXPECT_EQ(spec.line_seconds, 0.5);
  EXPECT_EQ(spec.sandbox.memory_mb, 100);
  EXPECT_EQ(spec.sandbox.processes, 5);
  EXPECT_EQ(spec.sandbox.disk_mb, 7);
  for (const auto& [more, parts] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"verifier = []", {"r.toml:7", "verifier", "a program"}},
           {"verifier = \"check.py\"", {"r.toml:7", "verifier"}},
           {"verifier_seconds = 5", {"r.toml:7", "verifier_seconds"}},
           {"verifier = [\"a\"]\nverifier_seconds = 0", {"r.toml:8", "verifier_seconds"}}})
    test::expect_contains(test::error_of([&] { parse(tasks, items + more); }), parts);
}

TEST(RlRecipe, TheRecipesOfTheProjectAreValid) {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Path(HADAL_SOURCE_DIR) / "recipes")) {
    if (entry.path().extension() != ".toml" || read_file(entry.path()).find("\n[rl]\n") == std::string::npos) continue;
    ++found;
    EXPECT_EQ(test::error_of([&] { read_rl_recipe(entry.path()); }), "");
  }
  EXPECT_GE(found, 2);
}

}  // namespace
}  // namespace hadal::rl
