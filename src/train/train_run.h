// A recipe from file to finished model: tokenizer, data, training, and the folder that `hadal generate` loads.
#pragma once

#include "base/json.h"
#include "train/recipe.h"

namespace hadal {

struct TrainRunOptions {
  bool resume = false;
  bool save = true;       // false: nothing is written but the caches (for timing)
  int64_t max_steps = 0;  // 0: all of the recipe
};

// Trains as the recipe says and writes into its output folder: tokenizer/, cache/, checkpoint-*/, metrics.jsonl,
// tensorboard/, and at the end model/ and report.json, whose content is returned. Stops early, with "finished": false,
// after Trainer::request_stop() or max_steps. Throws Error.
OrderedJson run_recipe(const Recipe& recipe, const TrainRunOptions& options);

}  // namespace hadal
