// The shape of a model, read from and written to config.json of a Hugging Face folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"

namespace hadal {

struct RopeScaling {
  enum class Kind { none, linear, yarn, llama3, factors } kind = Kind::none;
  double factor = 1, original_context = 0;  // linear: positions are divided by the factor, and nothing else counts
  double beta_fast = 32, beta_slow = 1, mscale = 1, mscale_all_dim = 0;  // yarn
  double low_freq_factor = 1, high_freq_factor = 4;                      // llama3
  std::vector<float> factors = {};  // each frequency is divided by its own: what GGUF files say of Llama 3's
};

struct ModelConfig {
  enum class Family { deepseek_v3, deepseek_v2, qwen2, llama } family = Family::deepseek_v3;
  int64_t vocab = 0, hidden = 0, layers = 0, heads = 0, kv_heads = 0, max_context = 0;
  int64_t dense_inner = 0;  // SwiGLU width of dense layers
  float norm_eps = 1e-6f;
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  bool tied_head = false;
  double init_std = 0.02;

  // Multi-head latent attention (deepseek): q_lora 0 means a plain query projection.
  int64_t q_lora = 0, kv_lora = 0, nope_dim = 0, rope_dim = 0, v_dim = 0;
  bool split_kv_b = false;  // the file has kv_b as two stacks, k_b transposed (newer GGUF files)
  // Grouped-query attention (qwen2, llama).
  int64_t head_dim = 0;
  bool qkv_bias = false;
  bool rope_pairs =
      false;  // rows of q and k are ordered so that neighbours rotate together (Llama's GGUF files), not halves

  // Mixture of experts; experts 0 means every layer is dense.
  int64_t experts = 0, top_k = 0, shared_experts = 0, expert_inner = 0, first_dense = 0;
  int64_t groups = 1, top_groups = 1;
  bool sigmoid_router = true, normalise_top_k = true, group_by_top2 = true;
  float routed_scale = 1.0f;

  int64_t mtp_depth = 0;  // extra prediction layers behind the others, used in training
  int32_t bos = -1, eos = -1;

  bool is_mla() const { return family == Family::deepseek_v3 || family == Family::deepseek_v2; }
  bool layer_is_moe(int64_t layer) const { return experts > 0 && layer >= first_dense; }
  int64_t cache_width() const;  // values stored per token and layer
};

// Throws Error naming `who` and the field that is missing, of the wrong type, out of range, or not supported. The JSON
// of a configuration that only GGUF files can have (RopeScaling::Kind::factors) is for people to read.
ModelConfig config_from_json(const Json& json, std::string_view who);
OrderedJson config_to_json(const ModelConfig& config);
void check(const ModelConfig& config, std::string_view who);
void check_trainable(const ModelConfig& config, std::string_view who);  // what runs, and cannot be trained or written

struct ParameterCounts {
  int64_t total = 0, active = 0;  // active: what one token touches, embeddings included
  int64_t matrix_active = 0;      // of these, what products read (no embedding lookup, no norms)
};
ParameterCounts count_parameters(const ModelConfig& config);

}  // namespace hadal
