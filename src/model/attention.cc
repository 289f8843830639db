#include "model/attention.h"

#include <algorithm>

#include "kernels/vector.h"

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
// latents themselves, which are key and value at once: those of the batch, or where it has states those in the cache.
Tensor absorbed(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& q, const Tensor& latent,
                const Tensor& k_rope, const Batch& batch, int64_t layer) {
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

// One head's keys (but their rotated part) and values, made from latents.
struct Expansion {
  const ModelConfig& c;
  const MlaParams& p;

  const Weight& keys_weight() const { return c.split_kv_b ? p.k_b.weight : p.kv_b.weight; }
  Product keys(const Context& ctx, const MatrixView& latents, int64_t head, float* to, int64_t stride) const {
    if (c.split_kv_b) return p.k_b.weight.product(ctx, latents, p.k_b.weight.matrix_rows(head), true, to, stride);
    return p.kv_b.weight.product(ctx, latents, {head * (c.nope_dim + c.v_dim), c.nope_dim}, false, to, stride);
  }
  Product values(const Context& ctx, const MatrixView& latents, int64_t head, float* to, int64_t stride) const {
    if (c.split_kv_b) return p.v_b.weight.product(ctx, latents, p.v_b.weight.matrix_rows(head), false, to, stride);
    return p.kv_b.weight.product(ctx, latents, {head * (c.nope_dim + c.v_dim) + c.nope_dim, c.v_dim}, false, to,
                                 stride);
  }
};

// Whether a sequence's new tokens are enough to make every head's keys and values: each query then multiplies k_dim +
// v_dim numbers of a key in place of the latent twice and the rotated part, and each key costs its expansion. Only
// where weights are multiplied in 8-bit integers: there the bits follow the number of rows anyway, elsewhere prefill
// equals decode.
bool worth_expanding(const ModelConfig& c, const MlaParams& p, int64_t tokens) {
  const QuantMatrix* w = Expansion{c, p}.keys_weight().quant();
  if (w == nullptr || quant_format(w->type).block_weights == 1) return false;
  const int64_t saved = 2 * c.kv_lora + c.rope_dim - (c.nope_dim + c.rope_dim + c.v_dim);
  return tokens * saved > c.kv_lora * (c.nope_dim + c.v_dim);
}

// Numbers [column, column + to.cols()) of positions [first, first + to.rows()).
void read_rows(const Context& ctx, const KvRows& rows, int64_t first, int64_t column, const Tensor& to) {
  const int64_t count = to.cols();
  const StoredRows stored = rows.columns(column, count);
  parallel_rows(ctx, to.rows(), 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = first + i;
      const std::byte* row = stored.row_at(at);
      if (rows.row.type == KvType::q8)
        rows.row.read(row, stored.first_column, count, to.row(i));
      else if (rows.row.type == KvType::bf16)
        vec().to_f32(static_cast<const Bf16*>(rows.row.at(row, stored.first_column)), to.row(i), count);
      else
        std::copy_n(static_cast<const float*>(rows.row.at(row, stored.first_column)), count, to.row(i));
    }
  });
}

// The keys, then the values, of heads [head, head + heads) for all that a sequence holds: rows of `row`, one below the
// other.
void expand(const Context& ctx, const ModelConfig& c, const MlaParams& p, const KvRows& latents, int64_t head,
            int64_t heads, const KvRow& row, std::byte* to) {
  constexpr int64_t kTogether = 512;
  const int64_t k_dim = c.nope_dim + c.rope_dim;
  const Expansion expansion{c, p};
  for (int64_t at = 0; at < latents.length; at += kTogether) {
    const int64_t count = std::min(kTogether, latents.length - at);
    const Tensor latent({count, c.kv_lora}), turned({count, c.rope_dim}), numbers({count, row.width});
    read_rows(ctx, latents, at, 0, latent);
    read_rows(ctx, latents, at, c.kv_lora, turned);
    std::vector<Product> keys,
        values;  // split files: the keys' matrices are transposed, hence packed, those of the values quantised
    for (int64_t h = 0; h < heads; ++h) {
      keys.push_back(expansion.keys(ctx, latent.view(), head + h, numbers.f32() + h * k_dim, row.width));
      values.push_back(
          expansion.values(ctx, latent.view(), head + h, numbers.f32() + heads * k_dim + h * c.v_dim, row.width));
    }
    gemm(keys, ctx.precision, *ctx.pool);
    gemm(values, ctx.precision, *ctx.pool);
    parallel_rows(ctx, count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t h = 0; h < heads; ++h)
          std::copy_n(turned.row(i), c.rope_dim, numbers.row(i) + h * k_dim + c.nope_dim);
        row.write(numbers.row(i), 0, row.width, to + (at + i) * row.bytes());
      }
    });
  }
}

// The queries of one sequence, rows [first, first + tokens) of q [T, heads * k_dim], against all it holds; to the same
// rows of o [T, heads * v_dim]. Some heads at a time.
void attend_expanded(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& q, int64_t first,
                     int64_t tokens, const KvRows& latents, const Tensor& o) {
  constexpr int64_t kBlockRows = 256;
  const ModelConfig& c = model.config;
  const int64_t k_dim = c.nope_dim + c.rope_dim, length = latents.length;
  const KvType type = kv_type_of(ctx.precision);
  const int64_t together =
      std::clamp<int64_t>(kExpandedBytes / (length * KvRow{type, k_dim + c.v_dim}.bytes()), 1, c.heads);
  const int32_t offsets[] = {0, static_cast<int32_t>(tokens)};
  for (int64_t head = 0; head < c.heads; head += together) {
    const int64_t heads = std::min(together, c.heads - head);
    const KvRow row{type, heads * (k_dim + c.v_dim)};
    const Tensor memory({(length * row.bytes() + 3) / 4});
    auto* const begin = reinterpret_cast<std::byte*>(memory.f32());
    expand(ctx, c, p, latents, head, heads, row, begin);
    KvRows made{{}, kBlockRows, row, length};
    for (int64_t at = 0; at < length; at += kBlockRows) made.blocks.push_back(begin + at * row.bytes());

    const Tensor queries({tokens, heads * k_dim});
    parallel_rows(ctx, tokens, 16, [&](int64_t t, int64_t end) {
      for (; t < end; ++t) std::copy_n(q.row(first + t) + head * k_dim, heads * k_dim, queries.row(t));
    });
    const Tensor part = attention_cached(ctx, {heads, heads, k_dim, c.v_dim, model.attention_scale}, queries,
                                         {&made, 1}, heads * k_dim, offsets);
    parallel_rows(ctx, tokens, 16, [&](int64_t t, int64_t end) {
      for (; t < end; ++t) std::copy_n(part.row(t), heads * c.v_dim, o.row(first + t) + head * c.v_dim);
    });
  }
}

// Sequences with many new tokens one by one, expanded; the others together, absorbed.
Tensor over_cache(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& q, const Batch& batch,
                  int64_t layer) {
  const ModelConfig& c = model.config;
  const auto count = [&](size_t s) { return int64_t{batch.offsets[s + 1]} - batch.offsets[s]; };
  std::vector<int64_t> rest;  // rows of the others
  Batch others;
  others.offsets.push_back(0);
  for (size_t s = 0; s < batch.states.size(); ++s) {
    if (worth_expanding(c, p, count(s))) continue;
    others.states.push_back(batch.states[s]);
    for (int64_t t = 0; t < count(s); ++t) rest.push_back(batch.offsets[s] + t);
    others.offsets.push_back(static_cast<int32_t>(rest.size()));
  }
  if (others.states.size() == batch.states.size()) return absorbed(ctx, model, p, q, {}, {}, batch, layer);

  const Tensor o({q.rows(), c.heads * c.v_dim});
  for (size_t s = 0; s < batch.states.size(); ++s)
    if (worth_expanding(c, p, count(s)))
      attend_expanded(ctx, model, p, q, batch.offsets[s], count(s), batch.states[s]->rows(layer), o);
  if (rest.empty()) return o;
  const Tensor rest_q({static_cast<int64_t>(rest.size()), q.cols()});
  for (size_t i = 0; i < rest.size(); ++i) std::copy_n(q.row(rest[i]), q.cols(), rest_q.row(static_cast<int64_t>(i)));
  const Tensor rest_o = absorbed(ctx, model, p, rest_q, {}, {}, others, layer);
  for (size_t i = 0; i < rest.size(); ++i) std::copy_n(rest_o.row(static_cast<int64_t>(i)), o.cols(), o.row(rest[i]));
  return o;
}

}  // namespace

Tensor mla_attention(const Context& ctx, const Model& model, const MlaParams& p, const Tensor& x, const Batch& batch,
                     int64_t layer, MlaForm form) {
  const ModelConfig& c = model.config;
  const auto [q, kv] = mla_projections(ctx, model, p, x, batch);
  const Tensor latent = rms_norm(ctx, columns(ctx, kv, 1, 0, c.kv_lora), p.kv_a_norm.weight, c.norm_eps);
  const Tensor k_rope = rope(ctx, columns(ctx, kv, 1, c.kv_lora, c.rope_dim), 1, model.rope, batch.positions);
  remember(batch, layer, latent, 0);
  remember(batch, layer, k_rope, c.kv_lora);
  const auto attended = [&] {
    if (!batch.states.empty()) return over_cache(ctx, model, p, q, batch, layer);
    if (form == MlaForm::expanded && !c.split_kv_b) return expanded(ctx, model, p, q, latent, k_rope, batch);
    return absorbed(ctx, model, p, q, latent, k_rope, batch, layer);
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
  remember(batch, layer, k, 0);
  remember(batch, layer, v, k.cols());
  const AttentionShape shape{c.heads, c.kv_heads, c.head_dim, c.head_dim, model.attention_scale};
  const Tensor o = batch.states.empty()
                       ? attention(ctx, shape, q, k, v, batch.offsets)
                       : attention_cached(ctx, shape, q, remembered(batch, layer), k.cols(), batch.offsets);
  return linear(ctx, o, p.o.weight);
}

}  // namespace hadal
