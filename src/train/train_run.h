// A recipe from file to finished model: tokenizer, data, training, and the folder that `hadal generate` loads.
#pragma once

#include <atomic>
#include <functional>

#include "base/json.h"
#include "train/run/recipe.h"
#include "train/trainer.h"
#include "weights/load.h"

namespace hadal {

// What a run begins with: the model it continues from, or one of its own shape at random weights, whose tokenizer is
// learnt where the run's folder, which exists, does not have it yet.
weights::LoadedModel starting_point(const Recipe& recipe);

struct TrainRunOptions {
  bool resume = false;
  bool save = true;        // false: nothing is written but the caches (for timing)
  int64_t max_steps = 0;   // 0: all of the recipe
  int64_t max_tokens = 0;  // as in TrainerOptions, as all below
  const std::atomic<bool>* stop = nullptr;
  std::function<void()> may_publish = {};
};

struct TrainRun {
  TrainSummary summary;
  OrderedJson report;
};

// Trains as the recipe says and writes into its output folder: tokenizer/, cache/, checkpoint-*/, metrics.jsonl,
// tensorboard/, when it stops model/, and at the end report.json, whose content is returned. Where it ends early, by
// `stop` or `max_steps`, the report says "finished": false, and a checkpoint to resume from is there. Throws Error.
TrainRun run_recipe(const Recipe& recipe, const TrainRunOptions& options);

// The loss of a model on what each source of a recipe holds out, as the cards of runs state it: {"model",
// "validation"}. Only the cache of tokens is written, in the recipe's output folder. The model must have been trained
// with the recipe's split.
OrderedJson measure_recipe(const Recipe& recipe, const std::string& model);

}  // namespace hadal
