// Rotary frequencies and the softmax scale of a configuration: plain, YaRN (as DeepSeek's reference computes it) and
// Llama 3.1's scaling.
#pragma once

#include "model/config.h"
#include "ops/ops.h"

namespace hadal {

Rope rope_angles(const ModelConfig& config);
float attention_scale_of(const ModelConfig& config);

}  // namespace hadal
