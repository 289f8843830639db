// The folder of a training run as a model. Private to the module.
#pragma once

#include "base/files.h"

namespace hadal::weights {

// Of a run's folder with model/ and checkpoint-N/: the one with newer weights, or model/ if it is the best by
// validation. Any other path is returned unchanged. Throws Error for a checkpoint that is not a model.
Path model_of_run(const Path& path);

}  // namespace hadal::weights
