// What a model consists of: one function a part declares its tensors, which puts them into Model::params() too.
#include <cmath>

#include "model/model.h"
#include "model/rope_angles.h"

namespace hadal {
namespace {

// Says what a Param is, and lists it. Nothing else does either, so a tensor cannot have one without the other. The
// order of the calls is that of params(), which is that of files.
class Declaration {
 public:
  Declaration(const ModelConfig& config, ParamList& list) : c_(config), list_(list) {}

  void model(Model& m) {
    add(m.embedding, "model.embed_tokens.weight", {c_.vocab, c_.hidden}, std(), ParamGroup::embedding, false);
    for (int64_t layer = 0; layer < c_.layers; ++layer) block(m.blocks[static_cast<size_t>(layer)], layer);
    norm(m.norm, "model.norm", c_.hidden);
    if (!c_.tied_head) add(m.head, "lm_head.weight", {c_.vocab, c_.hidden}, std(), ParamGroup::head, true);
    for (int64_t depth = 0; depth < c_.mtp_depth; ++depth)
      prediction(m.mtp[static_cast<size_t>(depth)], c_.layers + depth);
  }

 private:
  void block(BlockParams& p, int64_t layer) {
    const std::string at = name_of(layer);
    norm(p.attention_norm, at + "input_layernorm", c_.hidden);
    if (c_.is_mla())
      mla(p.mla, at + "self_attn.");
    else
      gqa(p.gqa, at + "self_attn.");
    norm(p.ffn_norm, at + "post_attention_layernorm", c_.hidden);
    p.is_moe = c_.layer_is_moe(layer);
    if (p.is_moe)
      moe(p.moe, at + "mlp.");
    else
      ffn(p.dense, at + "mlp.", c_.dense_inner);
  }

  void mla(MlaParams& p, const std::string& at) {
    const int64_t q_width = c_.heads * (c_.nope_dim + c_.rope_dim);
    if (c_.q_lora > 0) {
      matrix(p.q_a, at + "q_a_proj", {c_.q_lora, c_.hidden});
      norm(p.q_a_norm, at + "q_a_layernorm", c_.q_lora);
      matrix(p.q_b, at + "q_b_proj", {q_width, c_.q_lora});
    } else {
      matrix(p.q, at + "q_proj", {q_width, c_.hidden});
    }
    matrix(p.kv_a, at + "kv_a_proj_with_mqa", {c_.kv_lora + c_.rope_dim, c_.hidden});
    norm(p.kv_a_norm, at + "kv_a_layernorm", c_.kv_lora);
    if (c_.split_kv_b) {
      matrix(p.k_b, at + "k_b_proj", {c_.heads, c_.kv_lora, c_.nope_dim});
      matrix(p.v_b, at + "v_b_proj", {c_.heads, c_.v_dim, c_.kv_lora});
    } else {
      matrix(p.kv_b, at + "kv_b_proj", {c_.heads * (c_.nope_dim + c_.v_dim), c_.kv_lora});
    }
    to_residual(p.o, at + "o_proj", {c_.hidden, c_.heads * c_.v_dim});
  }

  void gqa(GqaParams& p, const std::string& at) {
    const int64_t q_width = c_.heads * c_.head_dim, kv_width = c_.kv_heads * c_.head_dim;
    matrix(p.q, at + "q_proj", {q_width, c_.hidden});
    if (c_.qkv_bias) bias(p.q_bias, at + "q_proj", q_width);
    matrix(p.k, at + "k_proj", {kv_width, c_.hidden});
    if (c_.qkv_bias) bias(p.k_bias, at + "k_proj", kv_width);
    matrix(p.v, at + "v_proj", {kv_width, c_.hidden});
    if (c_.qkv_bias) bias(p.v_bias, at + "v_proj", kv_width);
    to_residual(p.o, at + "o_proj", {c_.hidden, q_width});
  }

  void ffn(FfnParams& p, const std::string& at, int64_t inner) {
    matrix(p.gate, at + "gate_proj", {inner, c_.hidden});
    matrix(p.up, at + "up_proj", {inner, c_.hidden});
    to_residual(p.down, at + "down_proj", {c_.hidden, inner});
  }

  void moe(MoeParams& p, const std::string& at) {
    add(p.router, at + "gate.weight", {c_.experts, c_.hidden}, std(), ParamGroup::router, true);
    if (c_.sigmoid_router) {
      add(p.correction_bias, at + "gate.e_score_correction_bias", {c_.experts}, 0, ParamGroup::buffer, false);
      p.correction_bias.keep_f32 = true;
    }
    matrix(p.experts.gate, at + "experts.*.gate_proj", {c_.experts, c_.expert_inner, c_.hidden});
    matrix(p.experts.up, at + "experts.*.up_proj", {c_.experts, c_.expert_inner, c_.hidden});
    to_residual(p.experts.down, at + "experts.*.down_proj", {c_.experts, c_.hidden, c_.expert_inner});
    if (c_.shared_experts > 0) ffn(p.shared, at + "shared_experts.", c_.shared_experts * c_.expert_inner);
  }

  void prediction(MtpParams& p, int64_t layer) {
    const std::string at = name_of(layer);
    norm(p.embedding_norm, at + "enorm", c_.hidden);
    norm(p.hidden_norm, at + "hnorm", c_.hidden);
    matrix(p.projection, at + "eh_proj", {c_.hidden, 2 * c_.hidden});
    block(p.block, layer);
    norm(p.norm, at + "shared_head.norm", c_.hidden);
  }

  static std::string name_of(int64_t layer) { return fmt::format("model.layers.{}.", layer); }

  float std() const { return static_cast<float>(c_.init_std); }
  // Projections that write to the residual stream start smaller, so that its size does not grow with depth.
  float residual_std() const { return std() / std::sqrt(2.0f * static_cast<float>(std::max<int64_t>(1, c_.layers))); }

  void matrix(Param& p, const std::string& name, Shape shape) {
    add(p, name + ".weight", std::move(shape), std(), ParamGroup::matrix, true);
  }
  void to_residual(Param& p, const std::string& name, Shape shape) {
    add(p, name + ".weight", std::move(shape), residual_std(), ParamGroup::matrix, true);
  }
  void norm(Param& p, const std::string& name, int64_t n) {
    add(p, name + ".weight", {n}, -1, ParamGroup::vector, false);
  }
  void bias(Param& p, const std::string& name, int64_t n) { add(p, name + ".bias", {n}, 0, ParamGroup::vector, false); }
  void add(Param& p, std::string name, Shape shape, float init_std, ParamGroup group, bool decay) {
    p.name = std::move(name), p.shape = std::move(shape);
    p.init_std = init_std, p.group = group, p.decay = decay;
    list_.push_back(&p);
  }

  const ModelConfig& c_;
  ParamList& list_;
};

}  // namespace

Model::Model(const ModelConfig& c)
    : config(c),
      blocks(static_cast<size_t>(c.layers)),
      mtp(static_cast<size_t>(c.mtp_depth)),
      rope(rope_angles(config)),
      attention_scale(attention_scale_of(config)) {
  Declaration(config, params_).model(*this);
}

}  // namespace hadal
