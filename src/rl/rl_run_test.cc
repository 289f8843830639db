// Whole runs of a toy: three steps, what they leave, resuming to the same bits, and runs that cannot learn.
#include "rl/rl_run.h"

#include <gtest/gtest.h>

#include <cmath>

#include "rl/log_probs.h"
#include "rl/loop/group.h"
#include "rl/testing/toy.h"
#include "train/checkpoint.h"

namespace hadal::rl {
namespace {

using test::TemporaryFolder;
using test::toy_recipe;

std::vector<Json> lines_of(const Path& file) {
  std::vector<Json> lines;
  for_each_line(file, [&](std::string_view line, int64_t) {
    lines.push_back(parse_json(line, file.string()));
    return true;
  });
  return lines;
}

std::string weights_of(const Path& checkpoint) { return read_file(checkpoint / "model.safetensors"); }

TEST(RlRun, LeavesWhatItPromises) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  const RlRecipe recipe = toy_recipe(folder, "run");
  const RlRun run = run_rl(recipe, {.keep_rollouts = true, .max_steps = 3});
  EXPECT_FALSE(run.finished);
  EXPECT_FALSE(run.stopped);
  EXPECT_EQ(run.report["finished"], false);
  EXPECT_EQ(run.report["steps"], 3);
  EXPECT_GT(run.report["tokens"].get<int64_t>(), 3 * 6 * 8);
  for (const char* when : {"before", "after"}) {
    const OrderedJson& score = run.report[when]["countdown3"];
    EXPECT_GE(score["items"].get<int64_t>(), 200);
    EXPECT_LE(score["interval_95"][0].get<double>(), score["pass@1"].get<double>() + 1e-9);
  }
  for (int step = 0; step <= 3; ++step)
    EXPECT_TRUE(std::filesystem::exists(recipe.output / fmt::format("checkpoint-{}", step) / "config.json"));
  EXPECT_TRUE(weights_of(recipe.output / "checkpoint-0") != weights_of(recipe.output / "checkpoint-1"));
  EXPECT_EQ(weights::load_model((recipe.output / "model").string()).model->config.vocab, 300);
  int64_t steps = 0;
  for (const Json& line : lines_of(recipe.output / "metrics.jsonl")) {
    if (!line.contains("train/reward")) continue;
    ++steps;
    EXPECT_EQ(line["train/ratio"], 1);
    EXPECT_EQ(line["train/clip_share"], 0);
    EXPECT_LT(line["train/mismatch"].get<double>(), 1e-6);
    for (const char* key :
         {"entropy", "think_tokens", "dropped_groups", "rollout_seconds", "train_tokens_per_s", "pass@1"})
      EXPECT_TRUE(line.contains(fmt::format("train/{}", key))) << key;
  }
  EXPECT_EQ(steps, 3);
}

// The weights of checkpoint-STEP give the log-probabilities of rollouts-STEP.jsonl, bit for bit.
TEST(RlRun, KeepsRolloutsAsTheyWereSampled) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  const RlRecipe recipe = toy_recipe(folder, "run", "temperature = 0.8");
  run_rl(recipe, {.keep_rollouts = true, .max_steps = 2});
  for (int64_t step = 0; step < 2; ++step) {
    const auto loaded =
        weights::load_model((recipe.output / fmt::format("checkpoint-{}", step)).string(), weights::LoadAs::trainable);
    const auto lines = lines_of(recipe.output / fmt::format("rollouts-{}.jsonl", step));
    EXPECT_GE(lines.size(), 48u);
    int64_t forced = 0;
    for (const Json& line : lines) {
      EXPECT_EQ(line["item"]["task"], "countdown");
      std::vector<TokenId> ids = line["prompt_ids"];
      const std::vector<TokenId> reply = line["ids"];
      std::vector<int32_t> targets(ids.size() - 1, -1);
      targets.insert(targets.end(), reply.begin(), reply.end());
      ids.insert(ids.end(), reply.begin(), reply.end() - 1);
      Batch batch;
      batch.append(ids);
      Context ctx;
      const Tensor found = policy_log_probs(ctx, *loaded.model, batch, targets, 0.8f);
      ASSERT_EQ(line["log_probs"].size(), reply.size());
      ASSERT_EQ(line["mask"].size(), reply.size());
      for (size_t t = 0; t < reply.size(); ++t) {
        ASSERT_EQ(line["log_probs"][t].get<float>(), found.f32()[targets.size() - reply.size() + t]);
        forced += line["mask"][t] == 0 ? 1 : 0;
      }
    }
    EXPECT_GT(forced, 0);
  }
}

void expect_resumes_to_the_same_bits(const std::string& more) {
  SCOPED_TRACE(more);
  const TemporaryFolder folder;
  test::toy_start(folder);
  const RlRecipe whole = toy_recipe(folder, "whole", more), parts = toy_recipe(folder, "parts", more);
  run_rl(whole, {.keep_rollouts = true, .max_steps = 4});
  for (const int64_t steps : {1, 2, 4}) {
    run_rl(parts, {.resume = true, .keep_rollouts = true, .max_steps = steps});
    if (steps == 2)  // killed before its checkpoint was written
      std::filesystem::remove_all(parts.output / "checkpoint-2");
  }
  EXPECT_TRUE(weights_of(whole.output / "checkpoint-4") == weights_of(parts.output / "checkpoint-4"));
  EXPECT_TRUE(read_file(whole.output / "model" / "model.safetensors") ==
              read_file(parts.output / "model" / "model.safetensors"));
  for (int step = 0; step < 4; ++step) {
    const Path name = fmt::format("rollouts-{}.jsonl", step);
    std::error_code ignored;
    ASSERT_EQ(std::filesystem::exists(whole.output / name, ignored),
              std::filesystem::exists(parts.output / name, ignored));
    if (std::filesystem::exists(whole.output / name, ignored)) {
      EXPECT_TRUE(read_file(whole.output / name) == read_file(parts.output / name)) << name;
    }
  }
}
TEST(RlRun, ResumesToTheSameBits) { expect_resumes_to_the_same_bits(""); }
TEST(RlRun, ResumesBetweenUpdatesOfARollout) {
  expect_resumes_to_the_same_bits("updates_per_rollout = 3\nloss = \"gspo\"");
}

// The validation there is for the logs alone: the best model is chosen as ever.
TEST(RlRun, ABudgetChangesNothing) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  const RlRecipe whole = toy_recipe(folder, "whole"), parts = toy_recipe(folder, "parts");
  run_rl(whole, {.max_steps = 3});
  const RlRun first = run_rl(parts, {.max_tokens = 1});
  EXPECT_TRUE(first.spent && !first.finished && !first.stopped);
  EXPECT_EQ(first.report["steps"], 1);
  EXPECT_TRUE(lines_of(parts.output / "metrics.jsonl").back().contains("validation/countdown3/pass@1"));
  run_rl(parts, {.resume = true, .max_steps = 3});
  EXPECT_TRUE(weights_of(whole.output / "checkpoint-3") == weights_of(parts.output / "checkpoint-3"));
  EXPECT_TRUE(read_file(whole.output / "model" / "model.safetensors") ==
              read_file(parts.output / "model" / "model.safetensors"));
}

TEST(RlRun, HasFiguresBeforeItBegins) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  RlRecipe recipe = toy_recipe(folder, "run");
  const RecipeFigures figures = figures_of(recipe);
  EXPECT_EQ(figures.held_out.size(), 32u);
  EXPECT_GT(figures.memory_bytes, uint64_t{64} << 20);
  const RlRun run = run_rl(recipe, {});
  EXPECT_LE(run.report["trained_tokens"].get<int64_t>(), figures.tokens);
  recipe.plan.matrix_lr = 1, recipe.rollout.items = 3;
  EXPECT_EQ(figures_of(recipe).held_out, figures.held_out);
  recipe.seed = 2;
  EXPECT_NE(figures_of(recipe).held_out, figures.held_out);
}

// A weight of the KL that is next to nothing takes the general way, by ratios; the gradient is the same one.
TEST(RlRun, BothWaysOfTheLossAgree) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  for (const char* loss : {"dapo", "grpo", "dr_grpo"}) {
    const RlRecipe linear = toy_recipe(folder, fmt::format("linear-{}", loss), fmt::format("loss = \"{}\"", loss));
    const RlRecipe general =
        toy_recipe(folder, fmt::format("general-{}", loss), fmt::format("loss = \"{}\"\nkl_weight = 1e-20", loss));
    std::vector<Json> norms;
    for (const RlRecipe* recipe : {&linear, &general}) {
      run_rl(*recipe, {.max_steps = 1});
      norms.push_back(lines_of(recipe->output / "metrics.jsonl").back());
      EXPECT_EQ(norms.back()["train/ratio"], 1);
    }
    const double norm = norms[0]["train/grad_norm"].get<double>();
    EXPECT_GT(norm, 0);
    EXPECT_NEAR(norms[1]["train/grad_norm"].get<double>(), norm, 1e-4 * norm);
  }
}

// An update from which off_policy_limit leaves replies out has the loss and the gradient of policy_loss(), whose dapo
// does not count their tokens.
TEST(RlRun, RepliesTooFarOffPolicyDoNotCount) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  const RlRecipe recipe = toy_recipe(folder, "run", "updates_per_rollout = 2\noff_policy_limit = 1e-4");
  run_rl(recipe, {.keep_rollouts = true, .max_steps = 2});
  std::vector<Json> lines = lines_of(recipe.output / "metrics.jsonl");
  std::erase_if(lines, [](const Json& line) { return !line.contains("train/loss"); });
  const Json& line = lines.at(1);

  const Path checkpoint = recipe.output / "checkpoint-1";
  const Json state = parse_json(read_file(checkpoint / "state.json"), "state");
  const Minibatch minibatch = minibatch_from(state["data"]["pending"].at(0));
  const auto loaded = weights::load_model(checkpoint.string(), weights::LoadAs::trainable);
  Tape tape;
  const Context ctx{.tape = &tape};
  LossTerms terms;
  double weight = minibatch.weight, squares = 0;
  for (const PolicyBatch& b : pack(minibatch, recipe.micro_batch_tokens)) {
    const Tensor found = policy_log_probs(ctx, *loaded.model, b.batch, b.targets, 1);
    std::vector<float> now(found.f32(), found.f32() + found.size()), gradients(now.size());
    for (size_t s = 0; s < b.samples.size(); ++s) {
      const Sample& sample = *b.samples[s];
      const LossTerms of =
          policy_loss<float>(recipe.loss, {b.rows_of(now, s), sample.log_probs, {}, sample.mask, sample.advantage},
                             b.rows_of(gradients, s));
      weight += of.weight - loss_weight(recipe.loss, sample.mask);
      terms += of;
    }
    weighted_sum(ctx, found, gradients, static_cast<float>(1 / minibatch.weight));
    tape.backward();
  }
  for (const Param* p : loaded.model->params())
    for (int64_t i = 0; i < p->weight.value().size(); ++i) squares += std::pow(double{p->weight.grad()[i]}, 2);
  EXPECT_GT(terms.sequences_masked, 0);
  EXPECT_LT(weight, minibatch.weight);
  EXPECT_EQ(line["train/off_policy"], terms.sequences_masked);
  EXPECT_NEAR(line["train/loss"].get<double>(), terms.sum / weight, 1e-6);
  const double norm = std::sqrt(squares) * minibatch.weight / weight;
  EXPECT_NEAR(line["train/grad_norm"].get<double>(), norm, 1e-5 * norm);
}

TEST(RlRun, LearnsToFinish) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  const RlRecipe recipe = toy_recipe(folder, "run", "", "");
  RlRecipe longer = recipe;
  longer.plan.steps = 25;
  longer.trainer.validate_every_steps = 0;
  const RlRun run = run_rl(longer, {});
  EXPECT_TRUE(run.finished);
  EXPECT_TRUE(std::filesystem::exists(longer.output / "report.json"));
  EXPECT_TRUE(std::filesystem::exists(longer.output / "curves.svg"));
  std::vector<double> unfinished;
  for (const Json& line : lines_of(longer.output / "metrics.jsonl"))
    if (line.contains("train/unfinished")) unfinished.push_back(line["train/unfinished"]);
  ASSERT_EQ(unfinished.size(), 25u);
  EXPECT_GT(unfinished.front(), 0.6);
  EXPECT_LT(unfinished.back(), 0.5);
}

// A recipe whose verifier is this script.
RlRecipe recipe_with_verifier(const TemporaryFolder& folder, const std::string& script) {
  test::toy_start(folder);
  std::string items;
  for (int i = 0; i < 60; ++i) items += fmt::format("{{\"question\":\"Say {} words.\",\"n\":{}}}\n", i, i);
  write_file_whole(folder.path() / "items.jsonl", items);
  write_file_whole(folder.path() / "check.sh", script);
  RlRecipe recipe = toy_recipe(folder, "run");
  recipe.tasks = {{"mine", 1}};
  tasks::CommandSpec spec;
  spec.sandbox = {.who = "verifier", .command = {"sh", "check.sh"}, .folder = folder.path()};
  spec.line_seconds = 120;
  recipe.files = {{"mine", "toy.toml:1", folder.path() / "items.jsonl", spec}};
  return recipe;
}

// Why no sandbox can be made here; "": one can.
std::string sandbox_problem(const RlRecipe& recipe) {
  return test::error_of([&] { tasks::check_sandbox(recipe.files[0].verifier->sandbox); });
}

// Rewards replies by their length; for some it dies.
TEST(RlRun, LearnsFromAProgramThatJudges) {
  const TemporaryFolder folder;
  const RlRecipe recipe = recipe_with_verifier(folder, R"(while read -r line; do
  length=${#line}
  [ $((length % 5)) = 0 ] && exit 1
  echo "{\"reward\": 0.$((length % 10)), \"right\": true}"
done)");
  if (const std::string problem = sandbox_problem(recipe); !problem.empty())
    GTEST_SKIP() << "needs a sandbox: " << problem;
  std::vector<std::string> weights;
  for (const char* output : {"run", "again"}) {
    RlRecipe run = recipe;
    run.output = folder.path() / output;
    run_rl(run, {.keep_rollouts = true, .max_steps = 2});
    weights.push_back(weights_of(run.output / "checkpoint-2"));
    double failed = 0;
    int64_t steps = 0;
    for (const Json& line : lines_of(run.output / "metrics.jsonl")) {
      if (!line.contains("train/reward")) continue;
      failed += line.at("train/failed_verdicts").get<double>(), ++steps;
    }
    EXPECT_EQ(steps, 2);
    EXPECT_GT(failed, 0);
    int64_t rewarded = 0;
    for (int step = 0; step < 2; ++step) {
      for (const Json& line : lines_of(run.output / fmt::format("rollouts-{}.jsonl", step))) {
        EXPECT_EQ(line["item"].size(), 2u);
        rewarded += line["reward"] != 0;
      }
    }
    EXPECT_GT(rewarded, 0);
  }
  EXPECT_TRUE(weights[0] == weights[1]);
}

TEST(RlRun, EndsWhereAProgramNeverJudges) {
  const TemporaryFolder folder;
  const RlRecipe recipe = recipe_with_verifier(folder, "while read -r line; do echo rubbish; done");
  if (const std::string problem = sandbox_problem(recipe); !problem.empty())
    GTEST_SKIP() << "needs a sandbox: " << problem;
  test::expect_contains(test::error_of([&] { run_rl(recipe, {}); }), {"sh check.sh", "in a row", "rubbish"});
}

TEST(RlRun, StopsWhileItMeasures) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  const std::atomic<bool> stop = true;
  const RlRecipe recipe = toy_recipe(folder, "run"), whole = toy_recipe(folder, "whole");
  const RlRun run = run_rl(recipe, {.max_steps = 1, .stop = &stop});
  EXPECT_TRUE(run.stopped);
  EXPECT_EQ(run.report["steps"], 0);
  EXPECT_FALSE(std::filesystem::exists(recipe.output / "before.json"));
  run_rl(recipe, {.resume = true, .max_steps = 1});
  run_rl(whole, {.max_steps = 1});
  EXPECT_TRUE(weights_of(recipe.output / "checkpoint-1") == weights_of(whole.output / "checkpoint-1"));
}

TEST(RlRun, EndsWhereNothingIsEverRewarded) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  RlRecipe recipe = toy_recipe(folder, "run");
  recipe.reward.format_share = 0;
  test::expect_contains(test::error_of([&] { run_rl(recipe, {}); }),
                        {"start: none of the replies", "train the start longer"});
}

// After a step whose replies earned something.
TEST(RlRun, EndsWhereAllGroupsAreFlat) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  for (const bool drop : {true, false}) {
    RlRecipe recipe = toy_recipe(folder, fmt::format("drop-{}", drop));
    run_rl(recipe, {.max_steps = 1});
    recipe.drop_zero_spread = drop;
    recipe.plan.steps = 40;
    recipe.refills = 0;
    recipe.rollout.max_answer_tokens = 1;
    recipe.reward.format_share = 0;  // from here on nothing is rewarded
    recipe.trainer.validate_every_steps = 0;
    test::expect_contains(test::error_of([&] { run_rl(recipe, {.resume = true}); }),
                          {"step 20: in 20 roll-outs in a row", "there is nothing to learn from"});
  }
}

// Of a run that ends before anything is validated again.
TEST(RlRun, SavesAModelThatWasRemoved) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  const RlRecipe recipe = toy_recipe(folder, "run");
  run_rl(recipe, {.max_steps = 1});
  const Path model = recipe.output / "model";
  for (const Path& gone : {model, model / "card.json", model / "model.safetensors"}) {
    std::filesystem::remove_all(gone);
    const RlRun run = run_rl(recipe, {.resume = true, .max_steps = 1});
    EXPECT_EQ(run.report["best_step"], 1) << gone;
    EXPECT_TRUE(run.report.contains("after"));
    EXPECT_EQ(parse_json(read_file(model / "card.json"), "card")["step"], 1);
  }
}

// A kind that is closed is not drawn: nothing opens it here.
TEST(RlRun, DrawsEasyKindsUntilTheyAreSolved) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  RlRecipe recipe = toy_recipe(folder, "run", "curriculum = 0.5");
  recipe.tasks.emplace_back("countdown4", 1);
  run_rl(recipe, {.keep_rollouts = true, .max_steps = 2});
  for (const Json& line : lines_of(recipe.output / "rollouts-1.jsonl")) EXPECT_EQ(line["item"]["numbers"].size(), 3u);
  recipe.output = folder.path() / "open";
  recipe.curriculum = 0;
  run_rl(recipe, {.keep_rollouts = true, .max_steps = 1});
  int64_t four = 0;
  for (const Json& line : lines_of(recipe.output / "rollouts-0.jsonl")) four += line["item"]["numbers"].size() == 4;
  EXPECT_GT(four, 0);
}

TEST(RlRun, EndsWhereTheWeightsAreBroken) {
  const TemporaryFolder folder;
  const Path start = test::toy_start(folder);
  const auto loaded = weights::load_model(start.string(), weights::LoadAs::trainable);
  loaded.model->norm.weight.value().f32()[0] = NAN;
  weights::save_model(start, *loaded.model, *loaded.tokenizer, DType::bf16);
  test::expect_contains(test::error_of([&] { run_rl(toy_recipe(folder, "run"), {}); }), {"not a number"});
}

TEST(RlRun, RefusesWhatDoesNotFit) {
  const TemporaryFolder folder;
  test::toy_start(folder);
  RlRecipe recipe = toy_recipe(folder, "run");
  recipe.rollout.max_thinking_tokens = 500;
  test::expect_contains(test::error_of([&] { run_rl(recipe, {}); }), {"max_thinking_tokens", "512"});

  RlRecipe large = toy_recipe(folder, "large");
  large.rollout.items = 1 << 16, large.train_samples = 1 << 12, large.micro_batch_tokens = int64_t{1} << 40;
  test::expect_contains(test::error_of([&] { run_rl(large, {}); }),
                        {"toy.toml", "GB of memory", "cache of roll-outs", "smaller micro_batch_tokens"});

  run_rl(toy_recipe(folder, "once"), {.max_steps = 1});
  test::expect_contains(test::error_of([&] { run_rl(toy_recipe(folder, "once"), {}); }), {"checkpoint-1", "--resume"});
  test::expect_contains(
      test::error_of([&] { run_rl(toy_recipe(folder, "once", "optimizer = \"adamw\""), {.resume = true}); }),
      {"[rl] optimizer", "muon", "adamw"});
  RlRecipe other = toy_recipe(folder, "once");
  other.tasks = {{"countdown4", 1}};
  test::expect_contains(test::error_of([&] { run_rl(other, {.resume = true}); }),
                        {"tasks", "countdown3, found countdown4", "a new run"});
}

TEST(RlRun, RefusesAReferenceWithAnotherVocabulary) {
  const TemporaryFolder folder;
  const Path start = test::toy_start(folder);
  const Path other = test::toy_start(folder, "other");
  std::string tokenizer = read_file(other / "tokenizer.json");
  const size_t at = tokenizer.find("<think>");
  ASSERT_NE(at, std::string::npos);
  for (size_t i = at; i != std::string::npos; i = tokenizer.find("<think>", i)) tokenizer.replace(i, 7, "<thunk>");
  write_file_whole(other / "tokenizer.json", tokenizer);
  const RlRecipe recipe = toy_recipe(folder, "run", "kl_weight = 0.01\nreference = \"other\"");
  test::expect_contains(test::error_of([&] { run_rl(recipe, {}); }), {"reference", "vocabulary"});
}

}  // namespace
}  // namespace hadal::rl
