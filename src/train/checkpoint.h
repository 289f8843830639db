// A run's state on disk: checkpoint-<step>/ with model.safetensors (f32 weights), optimizer.safetensors (moments) and
// state.json (where the run stands; sizes and checksums of the other two). Written in a temporary folder, forced to
// disk, then renamed: a folder of that name is complete, whenever the process was killed. Weights have the names that
// Hugging Face's files give them, so that a checkpoint whose trainee describes itself is a model as well.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/json_fwd.h"
#include "ops/param.h"
#include "train/optimizer.h"

namespace hadal {

// Files are missing or are not what was written; another checkpoint may be whole.
class DamagedCheckpoint : public Error {
 public:
  using Error::Error;
};

// `describe` writes what else belongs into the folder. Throws Error (disk full included) with the old ones untouched.
void save_checkpoint(const Path& run, int64_t step, const ParamList& params, Optimizer& optimizer, const Json& state,
                     const std::function<void(const Path&)>& describe = {});

std::vector<Path> list_checkpoints(const Path& run);  // oldest first; those without state.json are none
int64_t checkpoint_step(const Path& folder);          // -1: its name is not that of a checkpoint

// Removes all but the newest `keep` and that of step `good` (-1: none), and those that were set aside.
void prune_checkpoints(const Path& run, int64_t keep, int64_t good);

// Renames checkpoint-N to WHY-N, so that no run resumes from it; nothing is lost until the next one is written.
void set_aside(const Path& checkpoint, const char* why);
inline constexpr const char *kDamaged = "damaged", *kDiverged = "diverged";

// Reads weights and moments in place and returns the state. Throws DamagedCheckpoint naming the file, or Error where it
// does not fit; nothing is changed on disk.
Json load_checkpoint(const Path& folder, const ParamList& params, Optimizer& optimizer);

}  // namespace hadal
