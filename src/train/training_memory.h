// How much memory a run takes, counted before any is taken, so that one that does not fit is refused instead of killed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/model.h"
#include "train/run/recipe.h"

namespace hadal {

struct TrainingMemory {
  int64_t parameters = 0;
  uint64_t state_bytes = 0;       // weights, gradients and moments in f32, and the two packed copies of each matrix
  uint64_t activation_bytes = 0;  // of the largest micro-batch
  uint64_t work_bytes = 0;        // logits of some rows, what Muon's products need, the program itself
  uint64_t cache_bytes = 0;       // of roll-outs; 0: there are none
  uint64_t available_bytes = 0;

  uint64_t needed_bytes() const { return state_bytes + activation_bytes + work_bytes + cache_bytes; }
  std::string text() const;  // one line
};

// `tokens`: of a micro-batch. Of the options that make its loss, the form of attention and whether layers predict ahead
// count.
TrainingMemory plan_training(const ModelConfig& config, const TrainerSpec& trainer, int64_t tokens,
                             const LossOptions& loss, int threads);

// The same of a recipe. `config` may have no vocabulary yet: then the tokenizer's is taken that the recipe asks for.
TrainingMemory plan_training(const Recipe& recipe, const ModelConfig& config, int threads);

// Throws Error with the figures when plan.available_bytes are too few.
void check_fits(const TrainingMemory& plan, std::string_view who);

}  // namespace hadal
