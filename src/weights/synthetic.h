// Models of real shapes with random weights, made in memory: for measurements without a download.
#pragma once

#include <string>
#include <vector>

#include "weights/load.h"

namespace hadal::weights {

std::vector<std::string> synthetic_shapes();

// "SHAPE:TYPE", e.g. "V2-Lite:Q4_K_M" (quant_mix_named). Its tokenizer has bytes alone. Throws Error for an unknown
// name and, before memory is allocated, for a model that does not fit.
LoadedModel make_synthetic(const std::string& shape_and_type);

}  // namespace hadal::weights
