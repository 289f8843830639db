// Attention over stored latents that makes every head's keys and values of them.
#include <algorithm>

#include "kernels/vector.h"
#include "ops/ops.h"

namespace hadal {
namespace {

constexpr int64_t kTogether = 512;   // positions that are expanded at a time
constexpr int64_t kBlockRows = 256;  // of the stored keys and values

// The product that makes one head's keys (but their rotated part) or values of latents.
Product keys_of(const Context& ctx, const LatentHeads& h, const MatrixView& latents, int64_t head, float* to,
                int64_t stride) {
  if (h.kv == nullptr) return h.k->product(ctx, latents, h.k->matrix_rows(head), true, to, stride);
  return h.kv->product(ctx, latents, {head * (h.nope_dim + h.v_dim), h.nope_dim}, false, to, stride);
}
Product values_of(const Context& ctx, const LatentHeads& h, const MatrixView& latents, int64_t head, float* to,
                  int64_t stride) {
  if (h.kv == nullptr) return h.v->product(ctx, latents, h.v->matrix_rows(head), false, to, stride);
  return h.kv->product(ctx, latents, {head * (h.nope_dim + h.v_dim) + h.nope_dim, h.v_dim}, false, to, stride);
}

// Values [column, column + to.cols()) of positions [first, first + to.rows()).
void read_rows(const Context& ctx, const KvRows& rows, int64_t first, int64_t column, const Tensor& to) {
  const int64_t count = to.cols();
  const StoredRows stored = rows.columns(column, count);
  parallel_rows(ctx, to.rows(), 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const std::byte* row = stored.row_at(first + i);
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
void expand(const Context& ctx, const LatentHeads& h, const KvRows& latents, int64_t head, int64_t heads,
            const KvRow& row, std::byte* to) {
  const int64_t k_dim = h.nope_dim + h.rope_dim;
  for (int64_t at = 0; at < latents.length; at += kTogether) {
    const int64_t count = std::min(kTogether, latents.length - at);
    const Tensor latent({count, h.latent_dim}), rotated({count, h.rope_dim}), made({count, row.width});
    read_rows(ctx, latents, at, 0, latent);
    read_rows(ctx, latents, at, h.latent_dim, rotated);
    // Two calls: where k and v are apart, keys are multiplied by a packed transpose and values by quantised rows.
    std::vector<Product> keys, values;
    for (int64_t i = 0; i < heads; ++i) {
      keys.push_back(keys_of(ctx, h, latent.view(), head + i, made.f32() + i * k_dim, row.width));
      values.push_back(values_of(ctx, h, latent.view(), head + i, made.f32() + heads * k_dim + i * h.v_dim, row.width));
    }
    gemm(keys, ctx.precision, *ctx.pool);
    gemm(values, ctx.precision, *ctx.pool);
    parallel_rows(ctx, count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        for (int64_t i = 0; i < heads; ++i)
          std::copy_n(rotated.row(t), h.rope_dim, made.row(t) + i * k_dim + h.nope_dim);
        row.write(made.row(t), 0, row.width, to + (at + t) * row.bytes());
      }
    });
  }
}

// The queries of one sequence, rows [first, first + tokens) of q, against all it holds; to the same rows of o.
void attend_sequence(const Context& ctx, const LatentHeads& h, const Tensor& q, int64_t first, int64_t tokens,
                     const KvRows& latents, const Tensor& o) {
  const int64_t k_dim = h.nope_dim + h.rope_dim, length = latents.length;
  const KvType type = kv_type_of(ctx.precision);
  const int64_t together =
      std::clamp<int64_t>(kExpandedBytes / (length * KvRow{type, k_dim + h.v_dim}.bytes()), 1, h.heads);
  const int32_t offsets[] = {0, static_cast<int32_t>(tokens)};
  for (int64_t head = 0; head < h.heads; head += together) {
    const int64_t heads = std::min(together, h.heads - head);
    const KvRow row{type, heads * (k_dim + h.v_dim)};
    const Tensor memory({(length * row.bytes() + 3) / 4});
    auto* const begin = reinterpret_cast<std::byte*>(memory.f32());
    expand(ctx, h, latents, head, heads, row, begin);
    KvRows made{{}, kBlockRows, row, length};
    for (int64_t at = 0; at < length; at += kBlockRows) made.blocks.push_back(begin + at * row.bytes());

    const Tensor queries({tokens, heads * k_dim});
    parallel_rows(ctx, tokens, 16, [&](int64_t t, int64_t end) {
      for (; t < end; ++t) std::copy_n(q.row(first + t) + head * k_dim, heads * k_dim, queries.row(t));
    });
    const Tensor part =
        attention_cached(ctx, {heads, heads, k_dim, h.v_dim, h.scale}, queries, {&made, 1}, heads * k_dim, offsets);
    parallel_rows(ctx, tokens, 16, [&](int64_t t, int64_t end) {
      for (; t < end; ++t) std::copy_n(part.row(t), heads * h.v_dim, o.row(first + t) + head * h.v_dim);
    });
  }
}

}  // namespace

Tensor attention_expanded(const Context& ctx, const LatentHeads& heads, const Tensor& q, std::span<const KvRows> kv,
                          std::span<const int32_t> offsets) {
  HADAL_CHECK(ctx.tape == nullptr, "attention over stored latents has no backward");
  HADAL_CHECK(kv.size() + 1 == offsets.size() && offsets.back() == q.rows());
  HADAL_CHECK(q.cols() == heads.heads * (heads.nope_dim + heads.rope_dim), "{}", shape_text(q.shape()));
  HADAL_CHECK((heads.kv == nullptr) == (heads.k != nullptr && heads.v != nullptr));
  const Tensor o({q.rows(), heads.heads * heads.v_dim});
  for (size_t s = 0; s < kv.size(); ++s)
    if (const int64_t tokens = offsets[s + 1] - offsets[s]; tokens > 0)
      attend_sequence(ctx, heads, q, offsets[s], tokens, kv[s], o);
  return o;
}

}  // namespace hadal
