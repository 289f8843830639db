// The limits of a configuration, and the counts that follow from it.
#include <cmath>

#include "base/error.h"
#include "model/config_fields.h"

namespace hadal {
namespace {

struct Checker {
  const FieldNames& names;
  std::string at(const char* field) const { return names.place(field); }
  void range(const char* name, int64_t value, int64_t low, int64_t high) const {
    if (value < low || value > high) fail("{}: expected a number from {} to {}, found {}", at(name), low, high, value);
  }
  void positive(const char* name, double value) const {
    if (!(value > 0) || !std::isfinite(value)) fail("{}: expected a number above 0, found {}", at(name), value);
  }
  void divides(const char* part, int64_t a, const char* whole, int64_t b) const {
    if (b % a != 0) fail("{}: expected a divisor of {} {}, found {}", at(part), names.name(whole), b, a);
  }
  void even(const char* name, int64_t value) const {
    if (value % 2 != 0) fail("{}: expected an even number, found {}", at(name), value);
  }
};

// Far above any published model, and low enough that no product of them overflows.
constexpr int64_t kMaxWidth = 1 << 18, kMaxHeads = 1 << 12, kMaxLayers = 1 << 12, kMaxExperts = 1 << 12;

void check_experts(const ModelConfig& c, const Checker& check) {
  check.range("n_routed_experts", c.experts, 0, kMaxExperts);
  if (c.experts == 0) return;
  check.range("num_experts_per_tok", c.top_k, 1, c.experts);
  check.range("n_shared_experts", c.shared_experts, 0, kMaxExperts);
  check.range("moe_intermediate_size", c.expert_inner, 1, kMaxWidth);
  check.range("first_k_dense_replace", c.first_dense, 0, c.layers);
  check.range("n_group", c.groups, 1, c.experts);
  check.divides("n_group", c.groups, "n_routed_experts", c.experts);
  check.range("topk_group", c.top_groups, 1, c.groups);
  check.range("num_experts_per_tok", c.top_k, 1, c.experts / c.groups * c.top_groups);
  if (c.groups > 1 && c.group_by_top2) check.range("n_routed_experts / n_group", c.experts / c.groups, 2, kMaxExperts);
  check.positive("routed_scaling_factor", c.routed_scale);
}

void check_rope_scaling(const RopeScaling& s, int64_t rope_dim, const Checker& check) {
  if (s.kind == RopeScaling::Kind::none) return;
  if (s.kind == RopeScaling::Kind::factors) {
    check.range("rope_scaling: number of factors", static_cast<int64_t>(s.factors.size()), rope_dim / 2, rope_dim / 2);
    for (const float factor : s.factors) check.positive("rope_scaling: factors", factor);
    return;
  }
  check.positive("rope_scaling: factor", s.factor);
  if (s.kind == RopeScaling::Kind::linear) return;
  check.positive("rope_scaling: original_max_position_embeddings", s.original_context);
  if (s.kind == RopeScaling::Kind::yarn) {
    check.positive("rope_scaling: beta_fast", s.beta_fast);
    check.positive("rope_scaling: beta_slow", s.beta_slow);
    check.positive("rope_scaling: mscale + 1", s.mscale + 1);
    check.positive("rope_scaling: mscale_all_dim + 1", s.mscale_all_dim + 1);
  } else {
    check.positive("rope_scaling: low_freq_factor", s.low_freq_factor);
    check.positive("rope_scaling: high_freq_factor - low_freq_factor", s.high_freq_factor - s.low_freq_factor);
  }
}

// The fields by the names of config.json, in the file `who`.
FieldNames names_in(std::string_view who) {
  return {[](std::string_view field) { return std::string(field); },
          [who](std::string_view field) { return fmt::format("{}: {}", who, field); }};
}

}  // namespace

void check(const ModelConfig& config, std::string_view who) { check(config, names_in(who)); }

void check(const ModelConfig& c, const FieldNames& names) {
  const Checker check{names};
  check.range("vocab_size", c.vocab, 1, 1 << 24);
  check.range("hidden_size", c.hidden, 1, 1 << 16);
  check.range("num_hidden_layers", c.layers, 1, kMaxLayers);
  check.range("num_attention_heads", c.heads, 1, kMaxHeads);
  check.range("max_position_embeddings", c.max_context, 1, 1 << 30);
  if (c.experts == 0 || c.first_dense > 0) check.range("intermediate_size", c.dense_inner, 1, kMaxWidth);
  check.positive("rms_norm_eps", c.norm_eps);
  check.positive("rope_theta", c.rope_theta);
  if (!(c.init_std >= 0) || !std::isfinite(c.init_std))
    fail("{}: expected a number from 0 up, found {}", check.at("initializer_range"), c.init_std);
  check.range("bos_token_id", c.bos, -1, c.vocab - 1);
  check.range("eos_token_id", c.eos, -1, c.vocab - 1);
  check_rope_scaling(c.rope_scaling, c.is_mla() ? c.rope_dim : c.head_dim, check);
  if (c.is_mla()) {
    check.range("q_lora_rank", c.q_lora, 0, 1 << 16);
    check.range("kv_lora_rank", c.kv_lora, 1, 1 << 16);
    check.range("qk_nope_head_dim", c.nope_dim, 1, 1 << 12);
    check.range("qk_rope_head_dim", c.rope_dim, 2, 1 << 12);
    check.even("qk_rope_head_dim", c.rope_dim);
    check.range("v_head_dim", c.v_dim, 1, 1 << 12);
    check.range("num_nextn_predict_layers", c.mtp_depth, 0, kMaxLayers);
    check_experts(c, check);
  } else {
    check.range("num_key_value_heads", c.kv_heads, 1, c.heads);
    check.divides("num_key_value_heads", c.kv_heads, "num_attention_heads", c.heads);
    check.range("head_dim", c.head_dim, 2, 1 << 12);
    check.even("head_dim", c.head_dim);
  }
}

void check_trainable(const ModelConfig& c, std::string_view who) {
  const FieldNames names = names_in(who);
  Checker{names}.range("num_nextn_predict_layers", c.mtp_depth, 0, 1);
}

namespace {

struct Count {
  int64_t all = 0, active = 0, active_matrices = 0;
  void matrix(int64_t rows, int64_t cols) { matrices(rows * cols, 1, 1); }
  void matrices(int64_t size, int64_t number, int64_t used) {
    all += size * number;
    active += size * used;
    active_matrices += size * used;
  }
  void vector(int64_t n) {
    all += n;
    active += n;
  }
};

void count_attention(const ModelConfig& c, Count& count) {
  if (c.is_mla()) {
    const int64_t q_width = c.heads * (c.nope_dim + c.rope_dim);
    if (c.q_lora > 0) {
      count.matrix(c.q_lora, c.hidden);
      count.vector(c.q_lora);
      count.matrix(q_width, c.q_lora);
    } else {
      count.matrix(q_width, c.hidden);
    }
    count.matrix(c.kv_lora + c.rope_dim, c.hidden);
    count.vector(c.kv_lora);
    count.matrix(c.heads * (c.nope_dim + c.v_dim), c.kv_lora);
    count.matrix(c.hidden, c.heads * c.v_dim);
  } else {
    count.matrix((c.heads + 2 * c.kv_heads) * c.head_dim, c.hidden);
    count.matrix(c.hidden, c.heads * c.head_dim);
    if (c.qkv_bias) count.vector((c.heads + 2 * c.kv_heads) * c.head_dim);
  }
}

void count_block(const ModelConfig& c, bool is_moe, Count& count) {
  count.vector(2 * c.hidden);
  count_attention(c, count);
  if (!is_moe) return count.matrix(3 * c.hidden, c.dense_inner);
  count.matrix(c.experts, c.hidden);
  if (c.sigmoid_router) count.vector(c.experts);
  count.matrices(3 * c.hidden * c.expert_inner, c.experts, c.top_k);
  count.matrix(3 * c.hidden, c.expert_inner * c.shared_experts);
}

}  // namespace

// The MTP layers count as parameters of the model, but no token touches them when it runs.
ParameterCounts count_parameters(const ModelConfig& c) {
  Count count;
  for (int64_t layer = 0; layer < c.layers; ++layer) count_block(c, c.layer_is_moe(layer), count);
  count.vector(c.hidden);
  count.matrix(c.vocab, c.hidden);  // the head
  ParameterCounts result{count.all, count.active, count.active_matrices};
  if (!c.tied_head) {
    result.total += c.vocab * c.hidden;
    result.active += c.vocab * c.hidden;
  }
  Count mtp;
  for (int64_t i = 0; i < c.mtp_depth; ++i) {
    count_block(c, c.experts > 0, mtp);
    mtp.matrix(c.hidden, 2 * c.hidden);
    mtp.vector(3 * c.hidden);
  }
  result.total += mtp.all;
  return result;
}

}  // namespace hadal
