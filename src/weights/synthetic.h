// Models of real shapes with random weights, made in memory: to measure with nothing to download.
#pragma once

#include <string>
#include <vector>

#include "weights/load.h"

namespace hadal::weights {

std::vector<std::string> synthetic_shapes();

// "SHAPE:TYPE", e.g. "V2-Lite:Q4_K_M" (quant_mix_named). Its tokenizer knows
// bytes alone. Throws Error for an unknown name, and
// before anything is taken when memory does not hold it.
LoadedModel make_synthetic(const std::string& shape_and_type);

}  // namespace hadal::weights
