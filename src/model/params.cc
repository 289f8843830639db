// The list of parameters: name, shape, initial spread and group of each, once. Loader, saver, initialiser and optimizer
// all walk it.
#include <cmath>
#include <cstring>

#include "model/model.h"
#include "model/rope_angles.h"

namespace hadal {
namespace {

struct Maker {
  const ModelConfig& c;
  float std() const { return static_cast<float>(c.init_std); }
  // Projections that write to the residual stream start smaller, so that its size does not grow with depth.
  float residual_std() const { return std() / std::sqrt(2.0f * static_cast<float>(std::max<int64_t>(1, c.layers))); }

  static Param param(std::string name, Shape shape, float init_std, ParamGroup group, bool decay) {
    Param p;
    p.name = std::move(name), p.shape = std::move(shape), p.init_std = init_std, p.group = group, p.decay = decay;
    return p;
  }
  Param matrix(const std::string& name, int64_t out, int64_t in, bool residual = false) const {
    return param(name + ".weight", {out, in}, residual ? residual_std() : std(), ParamGroup::matrix, true);
  }
  Param stack(const std::string& name, int64_t n, int64_t out, int64_t in, bool residual = false) const {
    return param(name + ".weight", {n, out, in}, residual ? residual_std() : std(), ParamGroup::matrix, true);
  }
  static Param norm(const std::string& name, int64_t n) { return param(name + ".weight", {n}, -1, ParamGroup::vector, false); }
  static Param bias(const std::string& name, int64_t n) { return param(name + ".bias", {n}, 0, ParamGroup::vector, false); }

  FfnParams ffn(const std::string& at, int64_t inner) const {
    return {matrix(at + "gate_proj", inner, c.hidden), matrix(at + "up_proj", inner, c.hidden), matrix(at + "down_proj", c.hidden, inner, true)};
  }

  MlaParams mla(const std::string& at) const {
    MlaParams p;
    const int64_t q_width = c.heads * (c.nope_dim + c.rope_dim);
    if (c.q_lora > 0) {
      p.q_a = matrix(at + "q_a_proj", c.q_lora, c.hidden);
      p.q_a_norm = norm(at + "q_a_layernorm", c.q_lora);
      p.q_b = matrix(at + "q_b_proj", q_width, c.q_lora);
    } else {
      p.q = matrix(at + "q_proj", q_width, c.hidden);
    }
    p.kv_a = matrix(at + "kv_a_proj_with_mqa", c.kv_lora + c.rope_dim, c.hidden);
    p.kv_a_norm = norm(at + "kv_a_layernorm", c.kv_lora);
    if (c.split_kv_b) {
      p.k_b = stack(at + "k_b_proj", c.heads, c.kv_lora, c.nope_dim);
      p.v_b = stack(at + "v_b_proj", c.heads, c.v_dim, c.kv_lora);
    } else {
      p.kv_b = matrix(at + "kv_b_proj", c.heads * (c.nope_dim + c.v_dim), c.kv_lora);
    }
    p.o = matrix(at + "o_proj", c.hidden, c.heads * c.v_dim, true);
    return p;
  }

  GqaParams gqa(const std::string& at) const {
    GqaParams p;
    p.q = matrix(at + "q_proj", c.heads * c.head_dim, c.hidden);
    p.k = matrix(at + "k_proj", c.kv_heads * c.head_dim, c.hidden);
    p.v = matrix(at + "v_proj", c.kv_heads * c.head_dim, c.hidden);
    p.o = matrix(at + "o_proj", c.hidden, c.heads * c.head_dim, true);
    if (c.qkv_bias) {
      p.q_bias = bias(at + "q_proj", c.heads * c.head_dim);
      p.k_bias = bias(at + "k_proj", c.kv_heads * c.head_dim);
      p.v_bias = bias(at + "v_proj", c.kv_heads * c.head_dim);
    }
    return p;
  }

  MoeParams moe(const std::string& at) const {
    MoeParams p;
    p.router = param(at + "gate.weight", {c.experts, c.hidden}, std(), ParamGroup::router, true);
    if (c.sigmoid_router) {
      p.correction_bias = param(at + "gate.e_score_correction_bias", {c.experts}, 0, ParamGroup::buffer, false);
      p.correction_bias.keep_f32 = true;
    }
    p.experts = {stack(at + "experts.*.gate_proj", c.experts, c.expert_inner, c.hidden),
                 stack(at + "experts.*.up_proj", c.experts, c.expert_inner, c.hidden),
                 stack(at + "experts.*.down_proj", c.experts, c.hidden, c.expert_inner, true)};
    if (c.shared_experts > 0) p.shared = ffn(at + "shared_experts.", c.shared_experts * c.expert_inner);
    p.load.assign(static_cast<size_t>(c.experts), 0);
    return p;
  }

  BlockParams block(int64_t layer) const {
    const std::string at = fmt::format("model.layers.{}.", layer);
    BlockParams p;
    p.attention_norm = norm(at + "input_layernorm", c.hidden);
    if (c.is_mla()) p.mla = mla(at + "self_attn.");
    else p.gqa = gqa(at + "self_attn.");
    p.ffn_norm = norm(at + "post_attention_layernorm", c.hidden);
    p.is_moe = c.layer_is_moe(layer);
    if (p.is_moe) p.moe = moe(at + "mlp.");
    else p.dense = ffn(at + "mlp.", c.dense_inner);
    return p;
  }
};

void list(Param& p, ParamList& out) {
  if (!p.name.empty()) out.push_back(&p);
}
template <typename... Params>
void list_all(ParamList& out, Params&... params) {
  (list(params, out), ...);
}

void list_block(BlockParams& b, ParamList& out) {
  list_all(out, b.attention_norm, b.mla.q, b.mla.q_a, b.mla.q_a_norm, b.mla.q_b, b.mla.kv_a, b.mla.kv_a_norm, b.mla.kv_b, b.mla.k_b, b.mla.v_b, b.mla.o);
  list_all(out, b.gqa.q, b.gqa.q_bias, b.gqa.k, b.gqa.k_bias, b.gqa.v, b.gqa.v_bias, b.gqa.o);
  list_all(out, b.ffn_norm, b.dense.gate, b.dense.up, b.dense.down, b.moe.router, b.moe.correction_bias);
  list_all(out, b.moe.experts.gate, b.moe.experts.up, b.moe.experts.down, b.moe.shared.gate, b.moe.shared.up, b.moe.shared.down);
}

uint64_t hash_name(const std::string& name) {  // FNV-1a
  uint64_t h = 0xcbf29ce484222325ull;
  for (unsigned char ch : name) h = (h ^ ch) * 0x100000001b3ull;
  return h;
}

}  // namespace

Model::Model(const ModelConfig& c) : config(c) {
  const Maker make{config};
  embedding = Maker::param("model.embed_tokens.weight", {c.vocab, c.hidden}, make.std(), ParamGroup::embedding, false);
  norm = Maker::norm("model.norm", c.hidden);
  if (!c.tied_head) head = Maker::param("lm_head.weight", {c.vocab, c.hidden}, make.std(), ParamGroup::head, true);
  for (int64_t layer = 0; layer < c.layers; ++layer) blocks.push_back(make.block(layer));
  for (int64_t depth = 0; depth < c.mtp_depth; ++depth) {
    const std::string at = fmt::format("model.layers.{}.", c.layers + depth);
    mtp.push_back({Maker::norm(at + "hnorm", c.hidden), Maker::norm(at + "enorm", c.hidden), make.matrix(at + "eh_proj", c.hidden, 2 * c.hidden),
                   make.block(c.layers + depth), Maker::norm(at + "shared_head.norm", c.hidden)});
  }
  rope = rope_angles(config);
  attention_scale = attention_scale_of(config);
}

ParamList Model::params() {
  ParamList out;
  list(embedding, out);
  for (BlockParams& block : blocks) list_block(block, out);
  list_all(out, norm, head);
  for (MtpParams& m : mtp) {
    list_all(out, m.embedding_norm, m.hidden_norm, m.projection);
    list_block(m.block, out);
    list(m.norm, out);
  }
  return out;
}

void initialise(ParamList params, uint64_t seed) {
  for (Param* p : params) {
    p->weight = Weight(Tensor::zeros(p->shape));
    p->weight.frozen = p->group == ParamGroup::buffer;
    Rng rng(seed, hash_name(p->name));
    for (float& w : p->weight.value().values()) w = p->init_std > 0 ? p->init_std * rng.normal() : p->init_std < 0 ? 1.0f : 0.0f;
  }
}

}  // namespace hadal
