// The folder of a training run as a model. Inside the module only.
#pragma once

#include "base/files.h"

namespace hadal::weights {

// A run's folder holds model/ and checkpoint-N/: the one whose weights are newer, unless model/ is the best by
// validation, which wins. Any other path is returned as it is. Throws Error for a checkpoint that is no model.
Path model_of_run(const Path& path);

}  // namespace hadal::weights
