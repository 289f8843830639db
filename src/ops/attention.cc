// Causal attention, forward and backward: blocks of queries against all keys of their sequence. Scores of one block lie
// in scratch memory; a row's softmax runs over exactly its own keys, the rest of the row is zero, so a row's bits do not
// depend on the block it stands in (prefill = decode).
#include <algorithm>
#include <cstring>

#include "kernels/vector.h"
#include "ops/ops.h"

namespace hadal {
namespace {

constexpr int64_t kQueryBlock = 64;

float* scratch(int slot, int64_t size) {
  thread_local std::vector<float> buffers[4];
  auto& buffer = buffers[slot];
  if (static_cast<int64_t>(buffer.size()) < size) buffer.resize(static_cast<size_t>(size));
  return buffer.data();
}

MatrixView shifted(MatrixView m, int64_t first_column, int64_t columns) {
  m.data = static_cast<const char*>(m.data) + first_column * (m.is_bf16 ? 2 : 4);
  m.cols = columns;
  return m;
}

// The queries of one task: `count` rows of one kv head's group. Either one token's heads or one head's tokens.
struct QueryRows {
  int64_t first_token = 0, first_head = 0, count = 0;
  bool along_heads = false;
  int64_t seq_position = 0;  // keys before first_token
  int64_t keys(int64_t row) const { return seq_position + 1 + (along_heads ? 0 : row); }
  int64_t max_keys() const { return keys(count - 1); }
  int64_t offset(int64_t heads, int64_t dim) const { return (first_token * heads + first_head) * dim; }
  int64_t stride(int64_t heads, int64_t dim) const { return along_heads ? dim : heads * dim; }
};

// Splits a sequence's `tokens` queries, of which the first has `before` keys in front, among the heads of one kv head.
void split_queries(int64_t first_token, int64_t tokens, int64_t before, int64_t first_head, int64_t group, std::vector<QueryRows>& out) {
  if (tokens == 1) {
    out.push_back({first_token, first_head, group, true, before});
    return;
  }
  for (int64_t h = 0; h < group; ++h) {
    for (int64_t t = 0; t < tokens;) {
      // Long contexts take fewer rows at once, so that scores stay within a few MB.
      const int64_t rows = std::clamp<int64_t>((int64_t{1} << 20) / (before + t + kQueryBlock), 1, kQueryBlock);
      const int64_t count = std::min(rows, tokens - t);
      out.push_back({first_token + t, first_head + h, count, false, before + t});
      t += count;
    }
  }
}

// Scores of one query block -> softmax numerators in place; returns 1/sum of each row.
void softmax_rows(float* scores, int64_t width, const QueryRows& q, float scale, float* inv_sum) {
  for (int64_t r = 0; r < q.count; ++r) {
    float max = 0;
    const int64_t n = q.keys(r);
    inv_sum[r] = 1.0f / vec().exp_shifted(scores + r * width, scale, n, &max);
    std::memset(scores + r * width + n, 0, static_cast<size_t>(width - n) * 4);
  }
}

struct PackedKv {
  PackedMatrix k_transposed, v;  // [k_dim, length], [length, v_dim]
};

// o = softmax(scale * q k^T) v for one query block
void attend(const Context& ctx, const AttentionShape& shape, const Tensor& q, const PackedKv& kv, const QueryRows& rows, float* o) {
  const int64_t width = kv.v.k();
  float* scores = scratch(0, rows.count * width);
  float* inv_sum = scratch(1, rows.count);
  const MatrixView a(q.f32() + rows.offset(shape.heads, shape.k_dim), rows.count, shape.k_dim, rows.stride(shape.heads, shape.k_dim));
  const Product qk{.a = a, .packed = &kv.k_transposed, .b = {}, .c = scores, .c_stride = width};
  gemm({&qk, 1}, ctx.precision, *ctx.pool);
  softmax_rows(scores, width, rows, shape.scale, inv_sum);
  float* out = o + rows.offset(shape.heads, shape.v_dim);
  const int64_t stride = rows.stride(shape.heads, shape.v_dim);
  const Product pv{.a = MatrixView(scores, rows.count, width, width), .packed = &kv.v, .b = {}, .c = out, .c_stride = stride};
  gemm({&pv, 1}, ctx.precision, *ctx.pool);
  for (int64_t r = 0; r < rows.count; ++r) vec().scale(inv_sum[r], out + r * stride, shape.v_dim);
}

struct Task {
  int64_t pair;  // which packed keys and values
  QueryRows rows;
};

void check_shapes(const AttentionShape& s, const Tensor& q, std::span<const int32_t> offsets) {
  HADAL_CHECK(s.kv_heads > 0 && s.heads % s.kv_heads == 0 && q.cols() == s.heads * s.k_dim, "{}", shape_text(q.shape()));
  HADAL_CHECK(!offsets.empty() && offsets.front() == 0 && offsets.back() == q.rows(), "offsets do not cover {} rows", q.rows());
}

void attend_all(const Context& ctx, const AttentionShape& shape, const Tensor& q, const std::vector<PackedKv>& packed,
                const std::vector<Task>& tasks, const Tensor& o) {
  auto run = [&](int64_t i, int) {
    const Task& task = tasks[static_cast<size_t>(i)];
    attend(ctx, shape, q, packed[static_cast<size_t>(task.pair)], task.rows, o.f32());
  };
  ctx.pool->parallel_for(static_cast<int64_t>(tasks.size()), run);
}

// The backward of one kv head of one sequence: all its query heads, block by block.
struct BackwardTask {
  const Context& ctx;
  const AttentionShape& shape;
  const Tensor &q, &k, &v, &o;
  int64_t begin, end, kv_head;  // tokens of the sequence

  void run() const {
    const int64_t length = end - begin, kd = shape.k_dim, vd = shape.v_dim, group = shape.heads / shape.kv_heads;
    const MatrixView ks = shifted(k.view().row_range(begin, length), kv_head * kd, kd);
    const MatrixView vs = shifted(v.view().row_range(begin, length), kv_head * vd, vd);
    thread_local PackedMatrix k_transposed, k_plain, v_transposed;
    k_transposed.pack(ks.transposed(), ctx.precision, *ctx.pool);
    k_plain.pack(ks, ctx.precision, *ctx.pool);
    v_transposed.pack(vs.transposed(), ctx.precision, *ctx.pool);
    std::vector<QueryRows> blocks;
    for (int64_t h = 0; h < group; ++h)
      for (int64_t t = 0; t < length; t += kQueryBlock)
        blocks.push_back({begin + t, kv_head * group + h, std::min(kQueryBlock, length - t), false, t});
    for (const QueryRows& rows : blocks) block(rows, length, k_transposed, k_plain, v_transposed);
  }

  void block(const QueryRows& rows, int64_t width, const PackedMatrix& k_transposed, const PackedMatrix& k_plain,
             const PackedMatrix& v_transposed) const {
    const int64_t kd = shape.k_dim, vd = shape.v_dim, used = rows.max_keys();
    float* p = scratch(0, rows.count * width);
    float* inv_sum = scratch(1, rows.count);
    float* dp = scratch(2, rows.count * width);
    const int64_t q_at = rows.offset(shape.heads, kd), o_at = rows.offset(shape.heads, vd);
    const int64_t q_stride = shape.heads * kd, o_stride = shape.heads * vd;
    const MatrixView qs(q.f32() + q_at, rows.count, kd, q_stride), dos(o.grad() + o_at, rows.count, vd, o_stride);
    const Product products[] = {{.a = qs, .packed = &k_transposed, .b = {}, .c = p, .c_stride = width},
                                {.a = dos, .packed = &v_transposed, .b = {}, .c = dp, .c_stride = width}};
    gemm(products, ctx.precision, *ctx.pool);
    softmax_rows(p, width, rows, shape.scale, inv_sum);
    for (int64_t r = 0; r < rows.count; ++r) {
      // ds = p * (dp - sum(do * o)) * scale
      const float d = vec().dot(o.grad() + o_at + r * o_stride, o.f32() + o_at + r * o_stride, vd);
      float *pr = p + r * width, *dr = dp + r * width;
      vec().scale(inv_sum[r], pr, width);
      for (int64_t j = 0; j < used; ++j) dr[j] = pr[j] * (dr[j] - d) * shape.scale;
    }
    const MatrixView ps(p, rows.count, used, width), ds(dp, rows.count, used, width);
    // dq takes all `width` columns of ds (zeros behind the last key) against the whole packed keys.
    for (int64_t r = 0; r < rows.count; ++r) std::memset(dp + r * width + used, 0, static_cast<size_t>(width - used) * 4);
    const Product dq{.a = MatrixView(dp, rows.count, width, width), .packed = &k_plain, .b = {}, .c = q.grad() + q_at, .c_stride = q_stride, .accumulate = true};
    gemm({&dq, 1}, ctx.precision, *ctx.pool);
    const int64_t first = rows.first_token - rows.seq_position;
    const int64_t k_stride = shape.kv_heads * kd, v_stride = shape.kv_heads * vd;
    const Product dkv[] = {
        {.a = ds.transposed(), .b = qs, .c = k.grad() + first * k_stride + kv_head * kd, .c_stride = k_stride, .accumulate = true},
        {.a = ps.transposed(), .b = dos, .c = v.grad() + first * v_stride + kv_head * vd, .c_stride = v_stride, .accumulate = true}};
    gemm(dkv, ctx.precision, *ctx.pool);
  }
};

}  // namespace

Tensor attention(const Context& ctx, const AttentionShape& shape, const Tensor& q, const Tensor& k, const Tensor& v,
                 std::span<const int32_t> offsets) {
  check_shapes(shape, q, offsets);
  HADAL_CHECK(k.cols() == shape.kv_heads * shape.k_dim && v.cols() == shape.kv_heads * shape.v_dim);
  const int64_t sequences = static_cast<int64_t>(offsets.size()) - 1, group = shape.heads / shape.kv_heads;
  Tensor o({q.rows(), shape.heads * shape.v_dim});
  std::vector<PackedKv> packed(static_cast<size_t>(sequences * shape.kv_heads));
  auto pack = [&](int64_t i, int) {
    const int64_t s = i / shape.kv_heads, g = i % shape.kv_heads;
    const int64_t begin = offsets[static_cast<size_t>(s)], length = offsets[static_cast<size_t>(s) + 1] - begin;
    PackedKv& kv = packed[static_cast<size_t>(i)];
    kv.k_transposed.pack(shifted(k.view().row_range(begin, length), g * shape.k_dim, shape.k_dim).transposed(), ctx.precision, *ctx.pool);
    kv.v.pack(shifted(v.view().row_range(begin, length), g * shape.v_dim, shape.v_dim), ctx.precision, *ctx.pool);
  };
  ctx.pool->parallel_for(sequences * shape.kv_heads, pack);
  std::vector<Task> tasks;
  std::vector<QueryRows> rows;
  for (int64_t i = 0; i < sequences * shape.kv_heads; ++i) {
    const int64_t s = i / shape.kv_heads, begin = offsets[static_cast<size_t>(s)], length = offsets[static_cast<size_t>(s) + 1] - begin;
    if (length == 0) continue;
    rows.clear();
    split_queries(begin, length, 0, i % shape.kv_heads * group, group, rows);
    for (const QueryRows& r : rows) tasks.push_back({i, r});
  }
  attend_all(ctx, shape, q, packed, tasks, o);
  if (ctx.tape != nullptr) {
    ctx.tape->push([ctx, shape, q, k, v, o, sequences, offsets = std::vector<int32_t>(offsets.begin(), offsets.end())] {
      q.grad(), k.grad(), v.grad(), o.grad();  // made here, on one thread
      auto run = [&](int64_t i, int) {
        const auto s = static_cast<size_t>(i / shape.kv_heads);
        if (offsets[s + 1] > offsets[s]) BackwardTask{ctx, shape, q, k, v, o, offsets[s], offsets[s + 1], i % shape.kv_heads}.run();
      };
      ctx.pool->parallel_for(sequences * shape.kv_heads, run);
    });
  }
  return o;
}

namespace {

// Rows [0, length) of a sequence, columns [begin, begin + width), side by side in scratch memory.
MatrixView gather(const KvRows& rows, int64_t begin, int64_t width, std::vector<std::byte>& memory) {
  const int64_t element = rows.is_bf16 ? 2 : 4;
  memory.resize(static_cast<size_t>(rows.length * width * element));
  for (int64_t r = 0; r < rows.length; ++r) {
    const auto* block = static_cast<const std::byte*>(rows.blocks[static_cast<size_t>(r / rows.block_rows)]);
    std::memcpy(memory.data() + r * width * element, block + (r % rows.block_rows * rows.row_width + begin) * element,
                static_cast<size_t>(width * element));
  }
  if (rows.is_bf16) return {reinterpret_cast<const Bf16*>(memory.data()), rows.length, width, width};
  return {reinterpret_cast<const float*>(memory.data()), rows.length, width, width};
}

}  // namespace

Tensor attention_cached(const Context& ctx, const AttentionShape& shape, const Tensor& q, std::span<const KvRows> kv,
                        int64_t v_begin, std::span<const int32_t> offsets) {
  check_shapes(shape, q, offsets);
  HADAL_CHECK(ctx.tape == nullptr, "attention over stored rows has no backward");
  const int64_t sequences = static_cast<int64_t>(offsets.size()) - 1, group = shape.heads / shape.kv_heads;
  HADAL_CHECK(static_cast<int64_t>(kv.size()) == sequences);
  Tensor o({q.rows(), shape.heads * shape.v_dim});
  std::vector<PackedKv> packed(static_cast<size_t>(sequences * shape.kv_heads));
  auto pack = [&](int64_t i, int) {
    thread_local std::vector<std::byte> memory;
    const KvRows& rows = kv[static_cast<size_t>(i / shape.kv_heads)];
    const int64_t g = i % shape.kv_heads;
    PackedKv& to = packed[static_cast<size_t>(i)];
    to.k_transposed.pack(gather(rows, g * shape.k_dim, shape.k_dim, memory).transposed(), ctx.precision, *ctx.pool);
    to.v.pack(gather(rows, v_begin + g * shape.v_dim, shape.v_dim, memory), ctx.precision, *ctx.pool);
  };
  ctx.pool->parallel_for(sequences * shape.kv_heads, pack);
  std::vector<Task> tasks;
  std::vector<QueryRows> rows;
  for (int64_t i = 0; i < sequences * shape.kv_heads; ++i) {
    const auto s = static_cast<size_t>(i / shape.kv_heads);
    const int64_t tokens = offsets[s + 1] - offsets[s];
    if (tokens == 0) continue;
    rows.clear();
    split_queries(offsets[s], tokens, kv[s].length - tokens, i % shape.kv_heads * group, group, rows);
    for (const QueryRows& r : rows) tasks.push_back({i, r});
  }
  attend_all(ctx, shape, q, packed, tasks, o);
  return o;
}

}  // namespace hadal
