#include "train/train_run.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/log.h"
#include "model/load.h"
#include "train/checkpoint.h"
#include "train/language_model.h"
#include "train/run_folder.h"
#include "train/run_tokenizer.h"
#include "train/trainer.h"

namespace hadal {
namespace {

ModelConfig fit_config(const Recipe& recipe, const Tokenizer& tokenizer) {
  ModelConfig config = recipe.model;
  if (config.vocab == 0) config.vocab = tokenizer.vocab_size();
  if (config.vocab < tokenizer.vocab_size()) {
    fail("{}: [model]: vocab: expected at least the tokenizer's {} tokens, found {}; leave it out or raise it",
         recipe.file.string(), tokenizer.vocab_size(), config.vocab);
  }
  config.bos = tokenizer.bos();
  config.eos = tokenizer.eos();
  check(config, recipe.file.string() + ": [model]");
  return config;
}

// What the run begins with: a model of its own shape at random weights, or the one it goes on from.
LoadedModel starting_point(const Recipe& recipe) {
  if (recipe.start.empty()) {
    auto tokenizer = std::make_shared<const Tokenizer>(run_tokenizer(recipe));
    auto model = std::make_shared<Model>(fit_config(recipe, *tokenizer));
    initialise(model->params(), recipe.seed);
    return {model, tokenizer, recipe.name};
  }
  LoadedModel loaded = load_model(recipe.start.string(), LoadAs::trainable);
  for (const StageSpec& stage : recipe.stages) {
    if (stage.sequence_length > loaded.model->config.max_context) {
      fail("{}: stage \"{}\": sequence_length: expected at most {}, the context of {}, found {}", recipe.file.string(),
           stage.name, loaded.model->config.max_context, recipe.start.string(), stage.sequence_length);
    }
  }
  return loaded;
}

TrainerOptions trainer_options(const Recipe& recipe, const TrainRunOptions& run) {
  TrainerOptions o;
  if (run.save) o.run = recipe.output;
  for (const StageSpec& s : recipe.stages) {
    o.stages.push_back(
        {s.name, s.steps, s.tokens, s.minutes, s.matrix_lr, s.other_lr, {s.warmup_steps, s.decay, s.final_lr}});
  }
  o.optimizer = recipe.optimizer;
  o.precision = recipe.f32 ? Precision::f32 : Precision::bf16;
  o.checkpoint_every_steps = recipe.checkpoint_every_steps;
  o.checkpoint_every_minutes = recipe.checkpoint_every_minutes;
  o.keep_checkpoints = recipe.keep_checkpoints;
  o.validate_every_steps = run.save ? recipe.validate_every_steps : 0;
  o.max_bad_steps = recipe.max_bad_steps;
  o.max_steps = run.max_steps;
  o.resume = run.resume;
  return o;
}

void check_output(const Recipe& recipe, const TrainRunOptions& options) {
  if (!options.save || options.resume) return;
  const auto found = list_checkpoints(recipe.output);
  if (!found.empty()) {
    fail("{}: expected an empty folder for a new run, found {}; go on with --resume, or remove the folder",
         recipe.output.string(), found.back().filename().string());
  }
}

std::map<std::string, TokenStore> open_stores(const Recipe& recipe, const Tokenizer& tokenizer) {
  std::map<std::string, TokenStore> stores;
  for (const SourceSpec& source : recipe.sources) {
    const bool used = std::any_of(recipe.stages.begin(), recipe.stages.end(), [&](const StageSpec& stage) {
      return std::any_of(stage.sources.begin(), stage.sources.end(),
                         [&](const auto& s) { return s.first == source.name; });
    });
    if (used)
      stores.emplace(source.name, TokenStore::open(source, tokenizer, recipe.output / "cache", ThreadPool::shared()));
  }
  return stores;
}

}  // namespace

OrderedJson run_recipe(const Recipe& recipe, const TrainRunOptions& options) {
  const RunFolder folder(recipe.output);
  check_output(recipe, options);
  check_sources(recipe);
  const LoadedModel start = starting_point(recipe);
  keep_tokenizer(recipe, *start.tokenizer);
  Model& model = *start.model;
  const Tokenizer& tokenizer = *start.tokenizer;
  const auto stores = open_stores(recipe, tokenizer);
  const ParameterCounts counts = count_parameters(model.config);
  log_info("{}: {:.2f}M parameters, {:.2f}M active for a token", recipe.name, static_cast<double>(counts.total) / 1e6,
           static_cast<double>(counts.active) / 1e6);

  LanguageModel trainee(model, recipe, tokenizer, stores);
  Trainer trainer(trainee, trainer_options(recipe, options));
  const TrainSummary summary = trainer.run();

  OrderedJson report;
  report["name"] = recipe.name;
  report["output"] = recipe.output.string();
  report["parameters"] = {{"total", counts.total}, {"active", counts.active}};
  const OrderedJson outcome = summary_json(summary);  // named: items() of a temporary would dangle
  for (const auto& [key, value] : outcome.items()) report[key] = value;
  if (options.save) {
    const Path target = recipe.output / "model";
    replace_folder(target, [&](const Path& made) { save_model(made, model, tokenizer, DType::bf16); });
    report["model"] = target.string();
    if (summary.finished) write_file_whole(recipe.output / "report.json", dump_json(report, 2) + "\n");
  }
  return report;
}

}  // namespace hadal
