// Distillation as R1's smaller models came about (DeepSeek-R1, section 2.4): a teacher replies to items, several times
// to each; a verifier judges; right replies become a student's training data.
#pragma once

#include <atomic>

#include "base/json.h"
#include "net/http.h"
#include "rl/distill_recipe.h"

namespace hadal::rl {

struct DistillOptions {
  bool resume = false;
  const std::atomic<bool>* stop = nullptr;  // as in TrainerOptions
  net::HttpOptions http = {};               // how an endpoint is asked: how often again, with which waits
};

struct DistillRun {
  bool finished = false;
  bool stopped = false;  // before that, by `stop`
  OrderedJson report;
};

// Writes into the recipe's output folder: teacher/ (of a teacher that is a training recipe), replies/ (all of them,
// judged), distilled.jsonl (those that are kept), before.json, student/ (the run of the student; its model is in
// student/model), and at the end report.json, whose content is returned: docs/cli.md. Throws Error; what was replied so
// far stays, and `resume` continues from it, with the same result where the teacher is a model.
DistillRun run_distill(const DistillRecipe& recipe, const DistillOptions& options);

}  // namespace hadal::rl
