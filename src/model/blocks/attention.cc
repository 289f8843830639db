#include "model/blocks/attention.h"

#include <algorithm>

namespace hadal {
namespace {

// Where each sequence's rows are; empty without states.
std::vector<KvRows> cached_rows(const Batch& batch, int64_t layer) {
  std::vector<KvRows> rows;
  for (const KvSequence* state : batch.states) rows.push_back(state->rows(layer));
  return rows;
}

// The rotated queries of all heads, and the latents with their key part: [T, kv_lora + rope].
struct QueriesAndLatents {
  Tensor q, kv;
};
QueriesAndLatents mla_projections(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& x,
                                  const Batch& batch) {
  const ModelConfig& c = model.config;
  const Weight* ws[] = {c.q_lora > 0 ? &p.q_a.weight : &p.q.weight, &p.kv_a.weight};
  auto both = linears(ctx, x, ws);
  if (c.q_lora > 0) both[0] = linear(ctx, rms_norm(ctx, both[0], p.q_a_norm.weight, c.norm_eps), p.q_b.weight);
  return {rope(ctx, both[0], c.heads, model.rope, batch.positions), both[1]};
}

// Every head's keys and values, made from the latents.
Tensor expanded(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& q, const Tensor& latent,
                const Tensor& k_rope, const Batch& batch) {
  const ModelConfig& c = model.config;
  const Tensor kv = linear(ctx, latent, p.kv_b.weight);  // [T, heads * (nope + v)]
  const Tensor k = concat(ctx, columns(ctx, kv, c.heads, 0, c.nope_dim), k_rope, c.heads, true);
  const Tensor v = columns(ctx, kv, c.heads, c.nope_dim, c.v_dim);
  return attention(ctx, {c.heads, c.heads, c.nope_dim + c.rope_dim, c.v_dim, model.attention_scale}, q, k, v,
                   batch.offsets);
}

// The key projection moved to the query's side and the value projection behind the sum: all heads attend over the
// latents themselves, which are key and value at once. `attend`: from the queries [T, heads * (kv_lora + rope)] in the
// latent space to [T, heads * kv_lora].
template <typename Attend>
Tensor absorbed(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& q, Attend&& attend) {
  const ModelConfig& c = model.config;
  const AttentionShape shape{c.heads, 1, c.kv_lora + c.rope_dim, c.kv_lora, model.attention_scale};
  const Tensor q_nope = columns(ctx, q, c.heads, 0, c.nope_dim);
  const Tensor q_latent = c.split_kv_b ? head_linear(ctx, q_nope, p.k_b.weight, {c.heads, 0, c.kv_lora, false})
                                       : head_linear(ctx, q_nope, p.kv_b.weight, {c.heads, 0, c.nope_dim, true});
  const Tensor q_all = concat(ctx, q_latent, columns(ctx, q, c.heads, c.nope_dim, c.rope_dim), c.heads);
  const Tensor o = attend(shape, q_all);
  return c.split_kv_b ? head_linear(ctx, o, p.v_b.weight, {c.heads, 0, c.v_dim, false})
                      : head_linear(ctx, o, p.kv_b.weight, {c.heads, c.nope_dim, c.v_dim, false});
}

// Over the batch's own latents.
Tensor absorbed_within(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& q,
                       const Tensor& latent, const Tensor& k_rope, std::span<const int32_t> offsets) {
  return absorbed(ctx, model, p, q, [&](const AttentionShape& shape, const Tensor& queries) {
    return attention(ctx, shape, queries, concat(ctx, latent, k_rope, 1), latent, offsets);
  });
}

// Over those in the cache.
Tensor absorbed_over_cache(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& q,
                           std::span<const KvRows> kv, std::span<const int32_t> offsets) {
  return absorbed(ctx, model, p, q, [&](const AttentionShape& shape, const Tensor& queries) {
    return attention_cached(ctx, shape, queries, kv, 0, offsets);
  });
}

LatentHeads latent_heads(const Model& model, const MlaParams& p) {
  const ModelConfig& c = model.config;
  LatentHeads heads{c.heads, c.kv_lora, c.nope_dim, c.rope_dim, c.v_dim, model.attention_scale};
  if (c.split_kv_b)
    heads.k = &p.k_b.weight, heads.v = &p.v_b.weight;
  else
    heads.kv = &p.kv_b.weight;
  return heads;
}

// Whether a sequence's new tokens are enough to make every head's keys and values: each query then multiplies k_dim +
// v_dim values of a key in place of the latent twice and the rotated part, and each key costs its expansion. Only where
// weights are multiplied in 8-bit integers: there the bits follow the number of rows anyway, elsewhere prefill equals
// decode.
bool worth_expanding(const ModelConfig& c, const MlaParams& p, int64_t tokens) {
  if (!(c.split_kv_b ? p.k_b : p.kv_b).weight.multiplies_integers()) return false;
  const int64_t saved = 2 * c.kv_lora + c.rope_dim - (c.nope_dim + c.rope_dim + c.v_dim);
  return tokens * saved > c.kv_lora * (c.nope_dim + c.v_dim);
}

// Some sequences of a batch: their rows of it, and what they have cached.
struct Part {
  std::vector<int64_t> rows;
  std::vector<int32_t> offsets = {0};
  std::vector<KvRows> kv;

  void add(int64_t begin, int64_t end, const KvRows& its) {
    for (; begin < end; ++begin) rows.push_back(begin);
    offsets.push_back(static_cast<int32_t>(rows.size()));
    kv.push_back(its);
  }
};

// Sequences with many new tokens expanded, the others absorbed.
Tensor over_cache(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& q,
                  std::span<const KvRows> kv, std::span<const int32_t> offsets) {
  std::vector<bool> is_long;
  for (size_t s = 0; s < kv.size(); ++s)
    is_long.push_back(worth_expanding(model.config, p, offsets[s + 1] - offsets[s]));
  const auto count = std::ranges::count(is_long, true);
  if (count == 0) return absorbed_over_cache(ctx, model, p, q, kv, offsets);
  const LatentHeads heads = latent_heads(model, p);
  if (static_cast<size_t>(count) == kv.size()) return attention_expanded(ctx, heads, q, kv, offsets);
  Part many, few;
  for (size_t s = 0; s < kv.size(); ++s) (is_long[s] ? many : few).add(offsets[s], offsets[s + 1], kv[s]);
  const Tensor o({q.rows(), heads.heads * heads.v_dim});
  put_rows(ctx, attention_expanded(ctx, heads, gather_rows(ctx, q, many.rows), many.kv, many.offsets), many.rows, o);
  put_rows(ctx, absorbed_over_cache(ctx, model, p, gather_rows(ctx, q, few.rows), few.kv, few.offsets), few.rows, o);
  return o;
}

}  // namespace

Tensor mla_attention(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& x, const Batch& batch,
                     int64_t layer, MlaForm form) {
  const ModelConfig& c = model.config;
  const auto [queries, kv] = mla_projections(ctx, model, p, x, batch);
  const Tensor& q = queries;  // clang 14 lets no lambda capture a structured binding
  const Tensor latent = rms_norm(ctx, columns(ctx, kv, 1, 0, c.kv_lora), p.kv_a_norm.weight, c.norm_eps);
  const Tensor k_rope = rope(ctx, columns(ctx, kv, 1, c.kv_lora, c.rope_dim), 1, model.rope, batch.positions);
  const auto attended = [&] {
    if (!batch.states.empty()) {
      const std::vector<KvRows> cached = cached_rows(batch, layer);
      store_rows(ctx, latent, cached, 0, batch.offsets);
      store_rows(ctx, k_rope, cached, c.kv_lora, batch.offsets);
      return over_cache(ctx, model, p, q, cached, batch.offsets);
    }
    if (form == MlaForm::expanded && !c.split_kv_b) return expanded(ctx, model, p, q, latent, k_rope, batch);
    return absorbed_within(ctx, model, p, q, latent, k_rope, batch.offsets);
  };
  return linear(ctx, attended(), p.o.weight);
}

Tensor gqa_attention(const Context& ctx, const Model& model, const GqaParams& p, const Tensor& x, const Batch& batch,
                     int64_t layer) {
  const ModelConfig& c = model.config;
  const auto bias = [&](const Param& b) { return c.qkv_bias ? &b.weight : nullptr; };
  const Weight* ws[] = {&p.q.weight, &p.k.weight, &p.v.weight};
  const Weight* biases[] = {bias(p.q_bias), bias(p.k_bias), bias(p.v_bias)};
  const auto qkv = linears(ctx, x, ws, biases);
  const Tensor q = rope(ctx, qkv[0], c.heads, model.rope, batch.positions);
  const Tensor k = rope(ctx, qkv[1], c.kv_heads, model.rope, batch.positions);
  const Tensor& v = qkv[2];
  const AttentionShape shape{c.heads, c.kv_heads, c.head_dim, c.head_dim, model.attention_scale};
  const auto attended = [&] {
    if (batch.states.empty()) return attention(ctx, shape, q, k, v, batch.offsets);
    const std::vector<KvRows> kv = cached_rows(batch, layer);
    store_rows(ctx, k, kv, 0, batch.offsets);
    store_rows(ctx, v, kv, k.cols(), batch.offsets);
    return attention_cached(ctx, shape, q, kv, k.cols(), batch.offsets);
  };
  return linear(ctx, attended(), p.o.weight);
}

}  // namespace hadal
