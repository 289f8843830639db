// The list of parameters: name, shape, initial spread and group of each, once. Loader, saver, initialiser and optimizer
// all walk it.
#include <cmath>
#include <cstring>

#include "model/model.h"
#include "model/rope_angles.h"

namespace hadal {
namespace {

// A tensor's names in Hugging Face's files and in GGUF's.
struct Names {
  std::string hf, gguf;
  Names operator/(const Names& part) const { return {hf + part.hf, gguf + part.gguf}; }
};

struct Maker {
  const ModelConfig& c;
  float std() const { return static_cast<float>(c.init_std); }
  // Projections that write to the residual stream start smaller, so that its size does not grow with depth.
  float residual_std() const { return std() / std::sqrt(2.0f * static_cast<float>(std::max<int64_t>(1, c.layers))); }

  static Param param(const Names& names, Shape shape, float init_std, ParamGroup group, bool decay) {
    Param p;
    p.name = names.hf, p.gguf_name = names.gguf;
    p.shape = std::move(shape), p.init_std = init_std, p.group = group, p.decay = decay;
    return p;
  }
  static Names weight(const Names& names) { return names / Names{".weight", ".weight"}; }
  Param matrix(const Names& names, int64_t out, int64_t in, bool residual = false) const {
    return param(weight(names), {out, in}, residual ? residual_std() : std(), ParamGroup::matrix, true);
  }
  Param stack(const Names& names, int64_t n, int64_t out, int64_t in, bool residual = false) const {
    return param(weight(names), {n, out, in}, residual ? residual_std() : std(), ParamGroup::matrix, true);
  }
  static Param norm(const Names& names, int64_t n) { return param(weight(names), {n}, -1, ParamGroup::vector, false); }
  static Param bias(const Names& names, int64_t n) {
    return param(names / Names{".bias", ".bias"}, {n}, 0, ParamGroup::vector, false);
  }

  // `kind`: what GGUF appends to the names of shared experts.
  FfnParams ffn(const Names& at, const std::string& kind, int64_t inner) const {
    return {matrix(at / Names{"gate_proj", "ffn_gate" + kind}, inner, c.hidden),
            matrix(at / Names{"up_proj", "ffn_up" + kind}, inner, c.hidden),
            matrix(at / Names{"down_proj", "ffn_down" + kind}, c.hidden, inner, true)};
  }

  MlaParams mla(const Names& at) const {
    MlaParams p;
    const int64_t q_width = c.heads * (c.nope_dim + c.rope_dim);
    if (c.q_lora > 0) {
      p.q_a = matrix(at / Names{"q_a_proj", "attn_q_a"}, c.q_lora, c.hidden);
      p.q_a_norm = norm(at / Names{"q_a_layernorm", "attn_q_a_norm"}, c.q_lora);
      p.q_b = matrix(at / Names{"q_b_proj", "attn_q_b"}, q_width, c.q_lora);
    } else {
      p.q = matrix(at / Names{"q_proj", "attn_q"}, q_width, c.hidden);
    }
    p.kv_a = matrix(at / Names{"kv_a_proj_with_mqa", "attn_kv_a_mqa"}, c.kv_lora + c.rope_dim, c.hidden);
    p.kv_a_norm = norm(at / Names{"kv_a_layernorm", "attn_kv_a_norm"}, c.kv_lora);
    if (c.split_kv_b) {
      p.k_b = stack(at / Names{"k_b_proj", "attn_k_b"}, c.heads, c.kv_lora, c.nope_dim);
      p.v_b = stack(at / Names{"v_b_proj", "attn_v_b"}, c.heads, c.v_dim, c.kv_lora);
    } else {
      p.kv_b = matrix(at / Names{"kv_b_proj", "attn_kv_b"}, c.heads * (c.nope_dim + c.v_dim), c.kv_lora);
    }
    p.o = matrix(at / Names{"o_proj", "attn_output"}, c.hidden, c.heads * c.v_dim, true);
    return p;
  }

  GqaParams gqa(const Names& at) const {
    GqaParams p;
    const Names q = at / Names{"q_proj", "attn_q"}, k = at / Names{"k_proj", "attn_k"},
                v = at / Names{"v_proj", "attn_v"};
    p.q = matrix(q, c.heads * c.head_dim, c.hidden);
    p.k = matrix(k, c.kv_heads * c.head_dim, c.hidden);
    p.v = matrix(v, c.kv_heads * c.head_dim, c.hidden);
    p.o = matrix(at / Names{"o_proj", "attn_output"}, c.hidden, c.heads * c.head_dim, true);
    if (c.qkv_bias) {
      p.q_bias = bias(q, c.heads * c.head_dim);
      p.k_bias = bias(k, c.kv_heads * c.head_dim);
      p.v_bias = bias(v, c.kv_heads * c.head_dim);
    }
    return p;
  }

  MoeParams moe(const Names& at) const {
    MoeParams p;
    p.router =
        param(at / Names{"gate.weight", "ffn_gate_inp.weight"}, {c.experts, c.hidden}, std(), ParamGroup::router, true);
    if (c.sigmoid_router) {
      p.correction_bias = param(at / Names{"gate.e_score_correction_bias", "exp_probs_b.bias"}, {c.experts}, 0,
                                ParamGroup::buffer, false);
      p.correction_bias.keep_f32 = true;
    }
    p.experts = {stack(at / Names{"experts.*.gate_proj", "ffn_gate_exps"}, c.experts, c.expert_inner, c.hidden),
                 stack(at / Names{"experts.*.up_proj", "ffn_up_exps"}, c.experts, c.expert_inner, c.hidden),
                 stack(at / Names{"experts.*.down_proj", "ffn_down_exps"}, c.experts, c.hidden, c.expert_inner, true)};
    if (c.shared_experts > 0)
      p.shared = ffn(at / Names{"shared_experts.", ""}, "_shexp", c.shared_experts * c.expert_inner);
    p.load.assign(static_cast<size_t>(c.experts), 0);
    return p;
  }

  static Names layer_names(int64_t layer) {
    return {fmt::format("model.layers.{}.", layer), fmt::format("blk.{}.", layer)};
  }

  BlockParams block(int64_t layer) const {
    const Names at = layer_names(layer), attention = at / Names{"self_attn.", ""}, mlp = at / Names{"mlp.", ""};
    BlockParams p;
    p.attention_norm = norm(at / Names{"input_layernorm", "attn_norm"}, c.hidden);
    if (c.is_mla())
      p.mla = mla(attention);
    else
      p.gqa = gqa(attention);
    p.ffn_norm = norm(at / Names{"post_attention_layernorm", "ffn_norm"}, c.hidden);
    p.is_moe = c.layer_is_moe(layer);
    if (p.is_moe)
      p.moe = moe(mlp);
    else
      p.dense = ffn(mlp, "", c.dense_inner);
    return p;
  }

  MtpParams prediction(int64_t layer) const {
    const Names at = layer_names(layer);
    return {norm(at / Names{"hnorm", "nextn.hnorm"}, c.hidden), norm(at / Names{"enorm", "nextn.enorm"}, c.hidden),
            matrix(at / Names{"eh_proj", "nextn.eh_proj"}, c.hidden, 2 * c.hidden), block(layer),
            norm(at / Names{"shared_head.norm", "nextn.shared_head_norm"}, c.hidden)};
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
  list_all(out, b.attention_norm, b.mla.q, b.mla.q_a, b.mla.q_a_norm, b.mla.q_b, b.mla.kv_a, b.mla.kv_a_norm,
           b.mla.kv_b, b.mla.k_b, b.mla.v_b, b.mla.o);
  list_all(out, b.gqa.q, b.gqa.q_bias, b.gqa.k, b.gqa.k_bias, b.gqa.v, b.gqa.v_bias, b.gqa.o);
  list_all(out, b.ffn_norm, b.dense.gate, b.dense.up, b.dense.down, b.moe.router, b.moe.correction_bias);
  list_all(out, b.moe.experts.gate, b.moe.experts.up, b.moe.experts.down, b.moe.shared.gate, b.moe.shared.up,
           b.moe.shared.down);
}

uint64_t hash_name(const std::string& name) {  // FNV-1a
  uint64_t h = 0xcbf29ce484222325ull;
  for (unsigned char ch : name) h = (h ^ ch) * 0x100000001b3ull;
  return h;
}

}  // namespace

Model::Model(const ModelConfig& c) : config(c) {
  const Maker make{config};
  embedding = Maker::param({"model.embed_tokens.weight", "token_embd.weight"}, {c.vocab, c.hidden}, make.std(),
                           ParamGroup::embedding, false);
  norm = Maker::norm({"model.norm", "output_norm"}, c.hidden);
  if (!c.tied_head)
    head = Maker::param({"lm_head.weight", "output.weight"}, {c.vocab, c.hidden}, make.std(), ParamGroup::head, true);
  for (int64_t layer = 0; layer < c.layers; ++layer) blocks.push_back(make.block(layer));
  for (int64_t depth = 0; depth < c.mtp_depth; ++depth) mtp.push_back(make.prediction(c.layers + depth));
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
    for (float& w : p->weight.value().values())
      w = p->init_std > 0 ? p->init_std * rng.normal() : p->init_std < 0 ? 1.0f : 0.0f;
  }
}

}  // namespace hadal
