// What a run keeps of its roll-outs for people and programs: rollouts-STEP.jsonl and samples.md in the run's folder.
#pragma once

#include <cstdint>
#include <vector>

#include "base/files.h"
#include "rl/loop/group.h"

namespace hadal::rl {

// A line a roll-out: {"item", "prompt_ids", "ids", "log_probs", "mask", "reward", "text"}; log-probabilities with all
// digits of a float. `step`: how many updates there were before.
void write_rollouts(const Path& run, int64_t step, const std::vector<Group>& groups);

// Appends a right and a wrong reply to one item, where a group has both. An entry of this step and what follows it are
// of a run that was resumed from before them, and go first.
void add_to_samples(const Path& run, int64_t step, const std::vector<Group>& groups);

}  // namespace hadal::rl
