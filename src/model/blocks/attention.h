// The two attentions of the supported families. x is normed, [T, hidden]; both return [T, hidden].
#pragma once

#include "model/model.h"

namespace hadal {

// Multi-head latent attention (DeepSeek-V2, section 2.1).
Tensor mla_attention(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& x, const Batch& batch,
                     int64_t layer, MlaForm form);

// Grouped-query attention (Ainslie et al. 2023), as Qwen2 and Llama use it.
Tensor gqa_attention(const Context& ctx, const Model& model, const GqaParams& p, const Tensor& x, const Batch& batch,
                     int64_t layer);

}  // namespace hadal
