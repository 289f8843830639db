// A run's state on disk: checkpoint-<step>/ with model.safetensors (f32 weights), optimizer.safetensors (moments) and
// state.json (where the run stands; sizes and checksums of the other two). Written in a temporary folder, forced to
// disk, then renamed: a folder of that name is complete, whenever the process was killed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "model/model.h"
#include "train/optimizer.h"

namespace hadal {

// Writes one and removes all but the newest `keep`. Throws Error (disk full included) with the old ones untouched.
void save_checkpoint(const Path& run, int64_t step, const ParamList& params, Optimizer& optimizer, const Json& state,
                     int64_t keep);

std::vector<Path> list_checkpoints(const Path& run);  // oldest first

// Reads weights and moments in place and returns the state. Throws Error naming the file that is damaged or does not
// fit and what to do; nothing is changed on disk.
Json load_checkpoint(const Path& folder, const ParamList& params, Optimizer& optimizer);

}  // namespace hadal
