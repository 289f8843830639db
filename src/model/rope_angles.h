// Rotary frequencies and the softmax scale of a configuration: plain, linear, YaRN (as DeepSeek's reference computes
// it) and Llama 3.1's scaling.
#pragma once

#include <optional>
#include <vector>

#include "model/config.h"
#include "ops/ops.h"

namespace hadal {

Rope rope_angles(const ModelConfig& config);
float attention_scale_of(const ModelConfig& config);

// By what each frequency is divided (rope_freqs.weight of a GGUF file); empty where files have other words for
// it: YaRN, linear scaling, or none.
std::vector<float> rope_factors(const ModelConfig& config);
// Llama 3's scaling of that very effect on this model's frequencies, where there is one: GGUF files have the factors
// alone.
std::optional<RopeScaling> as_llama3(const ModelConfig& config);

}  // namespace hadal
