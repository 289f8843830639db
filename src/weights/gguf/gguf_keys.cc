#include "weights/gguf/gguf_keys.h"

#include <cmath>

#include "base/error.h"
#include "model/rope_angles.h"

namespace hadal::weights {
namespace {

using Value = GgufWriter::Value;

const char* architecture_of(const ModelConfig& c) {
  if (c.is_mla()) return "deepseek2";
  return c.family == ModelConfig::Family::qwen2 ? "qwen2" : "llama";
}

// Adds keys of the architecture.
struct Adder {
  GgufWriter::Keys& keys;
  std::string prefix;
  void count(const char* name, int64_t value) const { keys.emplace_back(prefix + name, static_cast<uint32_t>(value)); }
  void number(const char* name, double value) const { keys.emplace_back(prefix + name, static_cast<float>(value)); }
  void other(const char* name, Value value) const { keys.emplace_back(prefix + name, std::move(value)); }
};

// The format has one multiplier of YaRN, from which readers take both of DeepSeek's.
void add_yarn(const ModelConfig& c, std::string_view who, const Adder& add) {
  const RopeScaling& s = c.rope_scaling;
  const bool expressible =
      c.is_mla() ? s.mscale == s.mscale_all_dim && s.mscale != 0 : s.mscale == 1 && s.mscale_all_dim == 0;
  if (!expressible) {
    fail("{}: rope_scaling: expected {} for a GGUF file, found mscale {} and mscale_all_dim {}", who,
         c.is_mla() ? "mscale and mscale_all_dim to be the same" : "mscale 1 and mscale_all_dim 0", s.mscale,
         s.mscale_all_dim);
  }
  add.other("rope.scaling.type", std::string("yarn"));
  add.number("rope.scaling.factor", s.factor);
  add.count("rope.scaling.original_context_length", static_cast<int64_t>(s.original_context));
  add.number("rope.scaling.yarn_beta_fast", s.beta_fast);
  add.number("rope.scaling.yarn_beta_slow", s.beta_slow);
  if (c.is_mla()) add.number("rope.scaling.yarn_log_multiplier", 0.1 * s.mscale_all_dim);
}

void add_deepseek(const ModelConfig& c, const Adder& add) {
  add.count("attention.head_count_kv", 1);  // the latents are the one key
  add.count("attention.q_lora_rank", c.q_lora);
  add.count("attention.kv_lora_rank", c.kv_lora);
  add.count("attention.key_length", c.kv_lora + c.rope_dim);
  add.count("attention.value_length", c.kv_lora);
  add.count("attention.key_length_mla", c.nope_dim + c.rope_dim);
  add.count("attention.value_length_mla", c.v_dim);
  add.count("rope.dimension_count", c.rope_dim);
  const bool moe = c.experts > 0;
  add.count("leading_dense_block_count", moe ? c.first_dense : c.layers);
  add.count("expert_shared_count", c.shared_experts);
  add.count("expert_feed_forward_length", moe ? c.expert_inner : c.dense_inner);
  add.count("expert_gating_func", c.sigmoid_router ? 2 : 1);
  add.number("expert_weights_scale", c.routed_scale);
  if (!moe) return;
  add.count("expert_count", c.experts);
  add.count("expert_used_count", c.top_k);
  const bool grouped = c.top_groups < c.groups;  // else every group is open
  add.count("expert_group_count", grouped ? c.groups : 1);
  add.count("expert_group_used_count", grouped ? c.top_groups : 1);
  if (c.normalise_top_k) add.other("expert_weights_norm", true);
}

void add_grouped_query(const ModelConfig& c, const Adder& add) {
  add.count("attention.head_count_kv", c.kv_heads);
  if (c.head_dim * c.heads != c.hidden) {
    add.count("attention.key_length", c.head_dim);
    add.count("attention.value_length", c.head_dim);
  }
  add.count("rope.dimension_count", c.head_dim);
}

}  // namespace

void add_config_keys(const ModelConfig& c, std::string_view who, GgufWriter::Keys& keys) {
  keys.emplace_back("general.architecture", std::string(architecture_of(c)));
  const Adder add{keys, std::string(architecture_of(c)) + "."};
  add.count("vocab_size", c.vocab);
  add.count("block_count", c.layers);
  add.count("context_length", c.max_context);
  add.count("embedding_length", c.hidden);
  add.count("feed_forward_length", c.dense_inner > 0 ? c.dense_inner : c.expert_inner);
  add.count("attention.head_count", c.heads);
  add.number("attention.layer_norm_rms_epsilon", c.norm_eps);
  add.number("rope.freq_base", c.rope_theta);
  if (c.rope_scaling.kind == RopeScaling::Kind::yarn) add_yarn(c, who, add);
  if (c.rope_scaling.kind == RopeScaling::Kind::linear) {
    add.other("rope.scaling.type", std::string("linear"));
    add.number("rope.scaling.factor", c.rope_scaling.factor);
  }
  if (c.is_mla() && !rope_factors(c).empty())
    fail("{}: rope_scaling: expected YaRN, linear or none for this family in a GGUF file", who);
  if (c.is_mla())
    add_deepseek(c, add);
  else
    add_grouped_query(c, add);
}

}  // namespace hadal::weights
