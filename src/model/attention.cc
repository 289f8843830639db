#include "model/attention.h"

namespace hadal {
namespace {

// Stores columns of this batch's rows in each sequence's state.
void remember(const Batch& batch, int64_t layer, const Tensor& rows, int64_t column) {
  for (size_t s = 0; s < batch.states.size(); ++s) {
    const int64_t begin = batch.offsets[s], count = batch.offsets[s + 1] - begin;
    KvSequence& state = *batch.states[s];
    state.write(layer, state.length() - count, count, rows.row(begin), rows.cols(), column, rows.cols());
  }
}

std::vector<KvRows> remembered(const Batch& batch, int64_t layer) {
  std::vector<KvRows> rows;
  for (const KvSequence* state : batch.states) rows.push_back(state->rows(layer));
  return rows;
}

// The rotated queries of all heads, and the latents with their key part: [T, kv_lora + rope].
struct QueriesAndLatents {
  Tensor q, kv;
};
QueriesAndLatents mla_projections(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& x, const Batch& batch) {
  const ModelConfig& c = model.config;
  const Weight* ws[] = {c.q_lora > 0 ? &p.q_a.weight : &p.q.weight, &p.kv_a.weight};
  auto both = linears(ctx, x, ws);
  if (c.q_lora > 0) both[0] = linear(ctx, rms_norm(ctx, both[0], p.q_a_norm.weight, c.norm_eps), p.q_b.weight);
  return {rope(ctx, both[0], c.heads, model.rope, batch.positions), both[1]};
}

// Every head's keys and values, made from the latents.
Tensor expanded(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& q, const Tensor& latent, const Tensor& k_rope,
                const Batch& batch) {
  const ModelConfig& c = model.config;
  const Tensor kv = linear(ctx, latent, p.kv_b.weight);  // [T, heads * (nope + v)]
  const Tensor k = concat(ctx, columns(ctx, kv, c.heads, 0, c.nope_dim), k_rope, c.heads, true);
  const Tensor v = columns(ctx, kv, c.heads, c.nope_dim, c.v_dim);
  return attention(ctx, {c.heads, c.heads, c.nope_dim + c.rope_dim, c.v_dim, model.attention_scale}, q, k, v, batch.offsets);
}

// The key projection moved to the query's side and the value projection behind the sum: all heads attend over the
// latents themselves, which are key and value at once.
Tensor absorbed(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& q, const Tensor& latent, const Tensor& k_rope,
                const Batch& batch, int64_t layer) {
  const ModelConfig& c = model.config;
  const AttentionShape shape{c.heads, 1, c.kv_lora + c.rope_dim, c.kv_lora, model.attention_scale};
  const Tensor q_nope = columns(ctx, q, c.heads, 0, c.nope_dim);
  const Tensor q_latent = c.split_kv_b ? head_linear(ctx, q_nope, p.k_b.weight, {c.heads, 0, c.kv_lora, false})
                                       : head_linear(ctx, q_nope, p.kv_b.weight, {c.heads, 0, c.nope_dim, true});
  const Tensor q_all = concat(ctx, q_latent, columns(ctx, q, c.heads, c.nope_dim, c.rope_dim), c.heads);
  const Tensor o = batch.states.empty()
                       ? attention(ctx, shape, q_all, concat(ctx, latent, k_rope, 1), latent, batch.offsets)
                       : attention_cached(ctx, shape, q_all, remembered(batch, layer), 0, batch.offsets);
  return c.split_kv_b ? head_linear(ctx, o, p.v_b.weight, {c.heads, 0, c.v_dim, false})
                      : head_linear(ctx, o, p.kv_b.weight, {c.heads, c.nope_dim, c.v_dim, false});
}

}  // namespace

Tensor mla_attention(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& x, const Batch& batch, int64_t layer,
                     MlaForm form) {
  const ModelConfig& c = model.config;
  const auto [q, kv] = mla_projections(ctx, model, p, x, batch);
  const Tensor latent = rms_norm(ctx, columns(ctx, kv, 1, 0, c.kv_lora), p.kv_a_norm.weight, c.norm_eps);
  const Tensor k_rope = rope(ctx, columns(ctx, kv, 1, c.kv_lora, c.rope_dim), 1, model.rope, batch.positions);
  remember(batch, layer, latent, 0);
  remember(batch, layer, k_rope, c.kv_lora);
  const bool expand = batch.states.empty() && form == MlaForm::expanded && !c.split_kv_b;
  const Tensor o = expand ? expanded(ctx, model, p, q, latent, k_rope, batch) : absorbed(ctx, model, p, q, latent, k_rope, batch, layer);
  return linear(ctx, o, p.o.weight);
}

Tensor gqa_attention(const Context& ctx, const Model& model, const GqaParams& p, const Tensor& x, const Batch& batch, int64_t layer) {
  const ModelConfig& c = model.config;
  const auto bias = [&](const Param& b) { return c.qkv_bias ? &b.weight : nullptr; };
  const Weight* ws[] = {&p.q.weight, &p.k.weight, &p.v.weight};
  const Weight* biases[] = {bias(p.q_bias), bias(p.k_bias), bias(p.v_bias)};
  const auto qkv = linears(ctx, x, ws, biases);
  const Tensor q = rope(ctx, qkv[0], c.heads, model.rope, batch.positions);
  const Tensor k = rope(ctx, qkv[1], c.kv_heads, model.rope, batch.positions);
  const Tensor& v = qkv[2];
  remember(batch, layer, k, 0);
  remember(batch, layer, v, k.cols());
  const AttentionShape shape{c.heads, c.kv_heads, c.head_dim, c.head_dim, model.attention_scale};
  const Tensor o = batch.states.empty() ? attention(ctx, shape, q, k, v, batch.offsets)
                                        : attention_cached(ctx, shape, q, remembered(batch, layer), k.cols(), batch.offsets);
  return linear(ctx, o, p.o.weight);
}

}  // namespace hadal
