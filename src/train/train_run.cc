#include "train/train_run.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "train/checkpoint.h"
#include "train/recipe_figures.h"
#include "train/resumed.h"
#include "train/run/language_model.h"
#include "train/run/model_card.h"
#include "train/run/run_tokenizer.h"
#include "train/run_folder.h"
#include "train/training_memory.h"
#include "weights/load.h"

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

// What a run needs of memory is refused before anything of it is taken, or read, or learnt.
void plan_memory(const Recipe& recipe) {
  const TrainingMemory plan = plan_training(recipe, shape_of(recipe), ThreadPool::shared().size());
  check_fits(plan, recipe.file.string());
  log_info("{}", plan.text());
}

TrainerOptions trainer_options(const Recipe& recipe, const TrainRunOptions& run) {
  TrainerOptions o;
  if (run.save) o.run = recipe.output;
  for (const StageSpec& stage : recipe.stages) o.stages.push_back(stage.plan);
  o.spec = recipe.trainer;
  if (!run.save) o.spec.validate_every_steps = 0;
  o.max_steps = run.max_steps;
  o.resume = run.resume;
  o.max_tokens = run.max_tokens;
  o.stop = run.stop;
  o.may_publish = run.may_publish;
  return o;
}

void check_output(const Recipe& recipe, const TrainRunOptions& options) {
  if (!options.save || options.resume) return;
  const auto found = list_checkpoints(recipe.output);
  if (!found.empty()) {
    fail("{}: expected an empty folder for a new run, found {}; resume it with --resume, or remove the folder",
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

// The run's model/: the last weights, or with keep_best those that were the best when they were validated.
class ModelFolder {
 public:
  ModelFolder(const Recipe& recipe, const weights::LoadedModel& start, bool resumed)
      : recipe_(recipe), start_(start), folder_(recipe.output / "model") {
    if (!resumed || recipe.best_source.empty()) return;
    const Json card = read_card(folder_);
    try {
      if (!card.contains("best")) return;
      const Json& best = card["best"];
      if (best.at("by") == best_by(recipe) && best.at("validation_tokens") == recipe.validation_tokens)
        card_ = {card.at("step"), card.at("tokens"), false, best.at("value").get<double>(), {}};
      else
        log_warning("{}: keep_best: model/ is the best by another figure, {}; the next validation replaces it",
                    recipe.where("[run] keep_best"), dump_json(best.at("by")));
    } catch (const Json::exception& error) {
      log_warning("{}: cannot be read ({}); the next validation replaces this model", (folder_ / "card.json").string(),
                  plain_words(error));
    }
  }

  void offer(const TrainSummary& summary) {
    if (recipe_.best_source.empty()) return;
    for (const Evaluation& e : summary.evaluations) {
      if (e.name != recipe_.best_source) continue;
      const Metric* figure = e.find(recipe_.best_figure);
      if (!figure || !std::isfinite(figure->value)) continue;
      const double value = figure->value;
      if (card_.best && (figure->higher_is_better ? value <= *card_.best : value >= *card_.best)) continue;
      card_.best = value;
      write(summary);
    }
  }

  // At the end of a run, or where it stops. `measure` reads the folder and fills in the card's figures.
  void finish(const TrainSummary& summary, const std::function<std::vector<Evaluation>(const Path&)>& measure) {
    if (!card_.best) write(summary);
    card_.finished = summary.finished;
    if (measure) card_.measured = measure(folder_);
    write_card(folder_, card_, recipe_, start_.model->config);
  }
  const ModelCard& card() const { return card_; }
  const Path& folder() const { return folder_; }

 private:
  void write(const TrainSummary& summary) {
    card_.step = summary.steps, card_.tokens = summary.tokens;
    replace_folder(folder_, [&](const Path& made) {
      weights::save_model(made, *start_.model, *start_.tokenizer, DType::bf16, start_.defaults);
      write_card(made, card_, recipe_, start_.model->config);
    });
  }
  const Recipe& recipe_;
  const weights::LoadedModel& start_;
  Path folder_;
  ModelCard card_;
};

std::vector<Evaluation> measure(const Recipe& recipe, const weights::LoadedModel& loaded,
                                const std::map<std::string, TokenStore>& stores) {
  LanguageModel subject(*loaded.model, recipe, *loaded.tokenizer, stores);
  Context ctx;
  ctx.precision = recipe.trainer.precision;
  return subject.evaluate_all(ctx);
}

TrainRun run_in_folder(const Recipe& recipe, const TrainRunOptions& options) {
  if (options.save && options.resume) check_recipe(recipe);
  plan_memory(recipe);
  check_sources(recipe);
  const weights::LoadedModel start = starting_point(recipe);
  if (options.save && options.resume) check_start(recipe, start.model->config, *start.tokenizer);
  keep_tokenizer(recipe, *start.tokenizer);
  const auto stores = open_stores(recipe, *start.tokenizer);
  const ParameterCounts counts = count_parameters(start.model->config);
  log_info("{}: {:.2f}M parameters, {:.2f}M active for a token", recipe.name, static_cast<double>(counts.total) / 1e6,
           static_cast<double>(counts.active) / 1e6);

  ModelFolder model(recipe, start, options.resume && !list_checkpoints(recipe.output).empty());
  LanguageModel trainee(*start.model, recipe, *start.tokenizer, stores, start.defaults);
  TrainerOptions trainer_opts = trainer_options(recipe, options);
  if (options.save) trainer_opts.after_validation = [&](const TrainSummary& summary) { model.offer(summary); };
  const TrainSummary summary = std::make_unique<Trainer>(trainee, trainer_opts)->run();  // its moments are let go here

  TrainRun done{summary, {}};
  OrderedJson& report = done.report;
  report["name"] = recipe.name;
  report["output"] = recipe.output.string();
  report["parameters"] = {{"total", counts.total}, {"active", counts.active}};
  const OrderedJson outcome = summary_json(summary);  // named: items() of a temporary would dangle
  for (const auto& [key, value] : outcome.items()) report[key] = value;
  if (!options.save) return done;
  std::function<std::vector<Evaluation>(const Path&)> of_files;
  // Who stops a run by a signal waits for it, and after a budget others wait for the machine.
  const bool in_a_hurry = summary.spent || (options.stop && *options.stop);
  if (options.may_publish) options.may_publish();
  if (summary.finished || !in_a_hurry)
    of_files = [&](const Path& folder) { return measure(recipe, weights::load_model(folder.string()), stores); };
  model.finish(summary, of_files);
  report["model"] = model.folder().string();
  if (model.card().measured) report["model_validation"] = evaluations_json(*model.card().measured);
  if (summary.finished) write_file_whole(recipe.output / "report.json", dump_json(report, 2) + "\n");
  return done;
}

}  // namespace

weights::LoadedModel starting_point(const Recipe& recipe) {
  if (recipe.start.empty()) {
    auto tokenizer = std::make_shared<const Tokenizer>(run_tokenizer(recipe));
    auto model = std::make_shared<Model>(fit_config(recipe, *tokenizer));
    initialise(model->params(), recipe.seed);
    return {model, tokenizer, recipe.name};
  }
  weights::LoadedModel loaded = weights::load_model(model_named(recipe, recipe.start), weights::LoadAs::trainable);
  for (const StageSpec& stage : recipe.stages) {
    if (stage.sequence_length > loaded.model->config.max_context) {
      fail("{}: stage \"{}\": sequence_length: expected at most {}, the context of {}, found {}", recipe.file.string(),
           stage.plan.name, loaded.model->config.max_context, recipe.start.string(), stage.sequence_length);
    }
  }
  return loaded;
}

TrainRun run_recipe(const Recipe& recipe, const TrainRunOptions& options) {
  return in_run_folder(recipe.output, options.may_publish != nullptr, [&] {
    check_output(recipe, options);
    return run_in_folder(recipe, options);
  });
}

OrderedJson measure_recipe(const Recipe& recipe, const std::string& model) {
  const RunFolder folder(recipe.output);
  const weights::LoadedModel loaded = weights::load_model(model);
  const auto stores = open_stores(recipe, *loaded.tokenizer);
  OrderedJson report;
  report["model"] = model;
  report["validation"] = evaluations_json(measure(recipe, loaded, stores));
  return report;
}

}  // namespace hadal
