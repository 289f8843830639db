// The type of each tensor of a quantised file: llama.cpp's mixes, by their names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernels/quant.h"
#include "model/model.h"

namespace hadal::weights {

// "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "Q4_0", ...: throws Error listing the known ones for another name.
struct QuantMix {
  std::string name;
  QuantType base = QuantType::q8_0;
  std::optional<QuantType> more;  // for some of the value and down projections: the _M mixes
};
QuantMix quant_mix_named(const std::string& name);

// The type of a matrix or a stack of them; none: f32 (norms, biases, the router). Rows that are not a multiple of 256
// get the nearest type with blocks of 32.
std::optional<QuantType> quant_type_of(const QuantMix& mix, const Param& param, const ModelConfig& config);

}  // namespace hadal::weights
