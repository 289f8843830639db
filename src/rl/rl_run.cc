#include "rl/rl_run.h"

#include <algorithm>
#include <cmath>

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "rl/loop/best_model.h"
#include "rl/loop/development.h"
#include "rl/loop/items.h"
#include "rl/loop/policy.h"
#include "rl/loop/trained_first.h"
#include "rl/run_curves.h"
#include "train/checkpoint.h"
#include "train/resumed.h"
#include "train/run_folder.h"
#include "train/training_memory.h"

namespace hadal::rl {
namespace {

constexpr int64_t kFewSteps = 10;           // so few are all kept
constexpr int64_t kReportItems = 200;       // of each kind, at least
constexpr uint64_t kReportSeed = 0x5e9047;  // other items than those that choose the best checkpoint

void check_output(const RlRecipe& recipe, const RlRunOptions& options) {
  const auto found = list_checkpoints(recipe.output);
  if (options.resume || found.empty()) return;
  fail("{}: expected an empty folder for a new run, found {}; resume it with --resume, or remove the folder",
       recipe.output.string(), found.back().filename().string());
}

void check_reference(const RlRecipe& recipe, const weights::LoadedModel& start, const weights::LoadedModel& reference) {
  const auto tokens = [](const weights::LoadedModel& m) -> const auto& { return m.tokenizer->parts().tokens; };
  if (tokens(start) == tokens(reference) && start.model->config.vocab == reference.model->config.vocab) return;
  fail("{}: reference: expected the vocabulary of the start, {} tokens, found another one, {} tokens, in {}",
       recipe.where("[rl] reference"), start.model->config.vocab, reference.model->config.vocab, reference.name);
}

// The cache of roll-outs may take half of what training leaves. `available`: before the start was loaded.
TrainingMemory memory_plan(const RlRecipe& recipe, const ModelConfig& config, uint64_t available) {
  const RolloutSpec& spec = recipe.rollout;
  const int64_t longest = longest_rollout(config, spec);
  const int64_t tokens =
      std::max(longest, std::min(recipe.micro_batch_tokens, spec.items * recipe.train_samples * longest));
  TrainingMemory plan = plan_training(config, recipe.trainer, tokens, {.mtp_weight = 0, .mla_form = MlaForm::absorbed},
                                      ThreadPool::shared().size());
  if (recipe.loss.kl_weight > 0)  // of the reference: its weights, and their packed copies
    plan.work_bytes += static_cast<uint64_t>(plan.parameters) * (recipe.trainer.precision == Precision::bf16 ? 4 : 8);
  plan.available_bytes = available;
  const uint64_t left = available - std::min(available, plan.needed_bytes());
  plan.cache_bytes = rollout_cache_bytes(config, spec, recipe.trainer.precision, left / 2);
  return plan;
}

// What does not fit is refused before anything is rolled out. Returns what the cache of roll-outs may take.
uint64_t plan_memory(const RlRecipe& recipe, const ModelConfig& config, uint64_t available) {
  const TrainingMemory plan = memory_plan(recipe, config, available);
  check_fits(plan, recipe.file.string());
  log_info("{}", plan.text());
  return plan.cache_bytes;
}

TrainerOptions trainer_options(const RlRecipe& recipe, const RlRunOptions& run) {
  TrainerOptions o;
  o.run = recipe.output;
  o.stages = {recipe.plan};
  o.spec = recipe.trainer;
  o.max_steps = run.max_steps;
  o.resume = run.resume;
  o.max_tokens = run.max_tokens;
  o.stop = run.stop;
  o.may_publish = run.may_publish;
  o.save_start = true;
  if (run.keep_rollouts && run.max_steps > 0 && run.max_steps <= kFewSteps) {
    o.spec.checkpoint_every_steps = 1;
    o.spec.keep_checkpoints = kFewSteps + 1;
  }
  return o;
}

OrderedJson measure_report(const char* when, const Roller& roller, const Items& items, const RlRecipe& recipe) {
  const int64_t count = std::max(kReportItems, recipe.development_items);
  const std::vector<KindScore> scores = measure_development(roller, items, count, kReportSeed);
  std::string text;
  for (const KindScore& score : scores)
    text +=
        fmt::format("{} {} {:.3f} on {} items", text.empty() ? "" : ",", score.kind, score.pass_at_1(), score.items);
  log_info("{}: {}: pass@1 of{}", recipe.name, when, text);
  return scores_json(scores);
}

// `before` has the kinds of items that the run began with.
void check_kinds(const OrderedJson& before, const Items& items, const RlRecipe& recipe) {
  std::string expected, found;
  for (const auto& [kind, score] : before.items()) expected += " " + kind;
  for (const Items::Kind& kind : items.kinds()) found += " " + kind.name;
  if (expected == found) return;
  fail("{}: tasks: expected the kinds that the run began with,{}, found{}; shares may change, kinds need a new run",
       recipe.where("[rl] tasks"), expected, found);
}

// Of the start; measured once in a run: the file is of this start where there is a checkpoint.
OrderedJson measure_before(const Policy& policy, const Items& items, const RlRecipe& recipe) {
  const Path file = recipe.output / "before.json";
  std::error_code ignored;
  if (!list_checkpoints(recipe.output).empty() && std::filesystem::exists(file, ignored)) {
    OrderedJson before = parse_ordered_json(read_file(file), file.string());
    check_kinds(before, items, recipe);
    return before;
  }
  OrderedJson before = measure_report("before", policy.roller(), items, recipe);
  write_file_whole(file, dump_json(before, 1) + "\n");
  return before;
}

OrderedJson measure_after(const Path& model, const Items& items, const RlRecipe& recipe,
                          const std::atomic<bool>* stop) {
  const weights::LoadedModel loaded = weights::load_model(model.string());
  return measure_report("after", Roller(loaded, recipe.rollout, recipe.trainer.precision, stop), items, recipe);
}

RlRun run_in_folder(const RlRecipe& recipe, const RlRunOptions& options) {
  if (options.resume) check_recipe(recipe);
  Items items(recipe);
  const auto start_name = recipe.start_is_recipe ? trained_first(recipe.start, recipe.output / "start", recipe.name,
                                                                 options.stop, options.may_publish)
                                                 : std::optional(recipe.start);
  if (!start_name) return {.stopped = true, .report = {{"finished", false}, {"steps", 0}}};
  const uint64_t available = available_memory_bytes();
  const weights::LoadedModel start = weights::load_model(*start_name, weights::LoadAs::trainable);
  if (options.resume) check_start(recipe, start.model->config, *start.tokenizer);
  const uint64_t cache_bytes = plan_memory(recipe, start.model->config, available);
  std::optional<weights::LoadedModel> reference;
  if (recipe.loss.kl_weight > 0) {
    reference = weights::load_model(recipe.reference.empty() ? *start_name : recipe.reference);
    check_reference(recipe, start, *reference);
  }

  Policy policy(recipe, start, reference ? &*reference : nullptr, items,
                {recipe.output, options.keep_rollouts, cache_bytes, options.stop});
  items.leave_out_long(
      start.model->config.max_context - recipe.rollout.max_thinking_tokens - recipe.rollout.max_answer_tokens,
      [&](const std::string& question) { return std::ssize(policy.roller().prompt(question)); });
  OrderedJson before = measure_before(policy, items, recipe);
  BestModel best(recipe, start, *start_name, options.resume);
  TrainerOptions trainer_opts = trainer_options(recipe, options);
  trainer_opts.after_validation = [&](const TrainSummary& summary) { best.offer(summary); };
  TrainSummary summary = std::make_unique<Trainer>(policy, trainer_opts)->run();  // its moments are let go here
  if (options.may_publish) options.may_publish();
  if (!best.is_there()) {  // removed, and nothing was validated since
    summary.evaluations = policy.evaluate({}, local_collective());
    best.offer(summary);
  }
  best.finish(summary);
  write_run_curves(recipe.output, recipe.name);

  RlRun run{summary.finished, summary.stopped, summary.spent, {}};
  OrderedJson& report = run.report;
  report["name"] = recipe.name;
  report["finished"] = summary.finished;
  report["steps"] = summary.steps;
  report["start"] = *start_name;
  report["model"] = best.folder().string();
  report["best_step"] = best.step();
  report["before"] = std::move(before);
  // Who stops a run by a signal waits for it, and after a budget others wait for the machine.
  const bool in_a_hurry = summary.spent || (options.stop && *options.stop);
  if (summary.finished || !in_a_hurry) report["after"] = measure_after(best.folder(), items, recipe, options.stop);
  report["hours"] = (summary.seconds + policy.evaluation_seconds()) / 3600;
  report["tokens"] = policy.rolled_out_tokens();
  report["trained_tokens"] = summary.tokens;
  report["skipped_steps"] = summary.skipped_steps;
  if (summary.finished) write_file_whole(recipe.output / "report.json", dump_json(report, 2) + "\n");
  return run;
}

std::string held_out_of(const RlRecipe& recipe) {
  Digest digest;
  const Items items(recipe);
  for (const Question& q : development_questions(items, recipe.development_items, development_seed(recipe.seed))) {
    const std::string item = dump_json(*q.item);
    digest.add(fmt::format("{}|{}|{}{}", q.text.size(), item.size(), q.text, item));
  }
  return digest.hex().substr(0, 32);
}

}  // namespace

RecipeFigures figures_of(const RlRecipe& recipe) {
  RecipeFigures figures;
  std::optional<Recipe> first;
  if (recipe.start_is_recipe) first = read_recipe(recipe.start);
  if (first) figures.memory_bytes = hadal::figures_of(*first).memory_bytes;
  ModelConfig config = first ? shape_of(*first) : shape_of_model(recipe.start);
  if (config.vocab == 0) config.vocab = first->tokenizer.bytes_only ? 256 + 1 : first->tokenizer.vocab;
  const TrainingMemory plan = memory_plan(recipe, config, available_memory_bytes());
  figures.memory_bytes = std::max(figures.memory_bytes, plan.needed_bytes());
  const int64_t samples = recipe.rollout.items * recipe.train_samples;
  const int64_t updates = std::max<int64_t>(1, recipe.updates_per_rollout);
  figures.tokens = recipe.plan.steps * ((samples + updates - 1) / updates) * longest_rollout(config, recipe.rollout);
  figures.held_out = held_out_of(recipe);
  return figures;
}

RlRun run_rl(const RlRecipe& recipe, const RlRunOptions& options) {
  return in_run_folder(recipe.output, options.may_publish != nullptr, [&] {
    check_output(recipe, options);
    try {
      return run_in_folder(recipe, options);
    } catch (const Stopped&) {  // in a measurement: what was done since the last checkpoint is done again
      const std::vector<Path> saved = list_checkpoints(recipe.output);
      const int64_t steps = saved.empty() ? 0 : checkpoint_step(saved.back());
      return RlRun{.stopped = true, .report = {{"finished", false}, {"steps", steps}}};
    }
  });
}

}  // namespace hadal::rl
