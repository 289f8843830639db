// A recipe of reinforcement learning from file to finished model: the start is trained where it is not there yet, the
// policy learns, and the best weights become model/.
#pragma once

#include <atomic>
#include <functional>

#include "base/json.h"
#include "rl/rl_recipe.h"
#include "train/recipe_figures.h"
#include "train/trainer.h"

namespace hadal::rl {

struct RlRunOptions {
  bool resume = false;
  bool keep_rollouts = false;  // rollouts-STEP.jsonl; with max_steps of at most 10, checkpoint-STEP of every step too
  int64_t max_steps = 0;       // 0: all of the recipe
  int64_t max_tokens = 0;      // as in TrainerOptions, as all below
  const std::atomic<bool>* stop = nullptr;
  std::function<void()> may_publish = {};
};

struct RlRun {
  bool finished = false;  // all steps are done
  bool stopped = false;   // before that, by `stop`, or
  bool spent = false;     // by max_tokens
  OrderedJson report;
};

// Writes into the recipe's output folder: start/ (of a start that is a training recipe), before.json, checkpoint-*/,
// metrics.jsonl, tensorboard/, samples.md, model/ (the best by pass@1 on development items), when it stops curves.svg,
// and at the end report.json, whose content is returned: "finished", "steps", "start", "model", "before" and "after"
// ({KIND: {"items", "pass@1", "interval_95", ...}}, on items drawn for this alone), "hours", "tokens" (rolled out).
// Throws Error.
RlRun run_rl(const RlRecipe& recipe, const RlRunOptions& options);

// Of the items that validations ask, and as tokens at most those of all steps (train/recipe_figures.h). Verifiers that
// are programs are tried.
RecipeFigures figures_of(const RlRecipe& recipe);

}  // namespace hadal::rl
