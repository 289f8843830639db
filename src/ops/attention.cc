// Causal attention, forward and backward: blocks of queries against the keys of their sequence, segment by segment
// (kernels/attention.h), so that a row's bits do not depend on the block it stands in (prefill = decode).
#include <algorithm>
#include <cstring>

#include "kernels/attention.h"
#include "kernels/vector.h"
#include "ops/ops.h"

namespace hadal {
namespace {

constexpr int64_t kQueryBlock = kAttentionMaxQueries;

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
void split_queries(int64_t first_token, int64_t tokens, int64_t before, int64_t first_head, int64_t group,
                   std::vector<QueryRows>& out) {
  if (tokens == 1) {
    for (int64_t h = 0; h < group; h += kQueryBlock)
      out.push_back({first_token, first_head + h, std::min(kQueryBlock, group - h), true, before});
    return;
  }
  for (int64_t h = 0; h < group; ++h) {
    for (int64_t t = 0; t < tokens; t += kQueryBlock)
      out.push_back({first_token + t, first_head + h, std::min(kQueryBlock, tokens - t), false, before + t});
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

// One kv head's keys and values of one sequence, wherever they lie.
struct KeyValues {
  StoredRows k, v;
};

// The queries of one task against one sequence's kv head.
struct Task {
  const KeyValues* kv;
  QueryRows rows;
};

AttentionQueries queries_of(const AttentionShape& shape, const Tensor& q, const QueryRows& r) {
  return {q.f32() + r.offset(shape.heads, shape.k_dim), r.stride(shape.heads, shape.k_dim), r.count, r.keys(0),
          r.along_heads ? 0 : 1};
}

// Where one task's rows of o are; sums and maxima in scratch memory.
AttentionPart output_of(const AttentionShape& shape, const Tensor& o, const QueryRows& r, float* sums) {
  return {o.f32() + r.offset(shape.heads, shape.v_dim), r.stride(shape.heads, shape.v_dim), sums,
          sums + kAttentionMaxQueries};
}

// All segments of one task, one after another, on one thread.
void attend_in_order(const Context& ctx, const AttentionShape& shape, const Tensor& q, const Task& task,
                     const Tensor& o) {
  const AttentionQueries queries = queries_of(shape, q, task.rows);
  const AttentionPart total = output_of(shape, o, task.rows, scratch(1, 2 * kAttentionMaxQueries));
  attend(queries, task.kv->k, task.kv->v, shape.scale, ctx.precision, 0, queries.segments(), total);
  finish_attention(queries.count, shape.v_dim, total);
}

// Few tasks over many keys: every segment is a job of its own.
void attend_by_segments(const Context& ctx, const AttentionShape& shape, const Tensor& q,
                        const std::vector<Task>& tasks, const Tensor& o) {
  struct Job {
    size_t task;
    int64_t segment, at;  // `at`: of its numbers in memory
  };
  std::vector<Job> jobs;
  std::vector<size_t> first_job;
  int64_t size = 0;
  for (size_t t = 0; t < tasks.size(); ++t) {
    first_job.push_back(jobs.size());
    const AttentionQueries queries = queries_of(shape, q, tasks[t].rows);
    for (int64_t segment = 0; segment < queries.segments(); ++segment, size += queries.count * (shape.v_dim + 2))
      jobs.push_back({t, segment, size});
  }
  const Tensor memory({size});
  auto part_of = [&](const Job& job) {
    const int64_t count = tasks[job.task].rows.count;
    float* at = memory.f32() + job.at;
    return AttentionPart{at, shape.v_dim, at + count * shape.v_dim, at + count * (shape.v_dim + 1)};
  };
  auto run = [&](int64_t i, int) {
    const Job& job = jobs[static_cast<size_t>(i)];
    const Task& task = tasks[job.task];
    // What this thread will most likely do after it.
    const size_t after = static_cast<size_t>(i + ctx.pool->size());
    AttentionPath path{.announced = i >= ctx.pool->size()};
    if (after < jobs.size()) {
      const Task& its = tasks[jobs[after].task];
      path.next = &its.kv->k, path.next_segment = jobs[after].segment,
      path.next_keys = queries_of(shape, q, its.rows).max_keys();
    }
    attend(queries_of(shape, q, task.rows), task.kv->k, task.kv->v, shape.scale, ctx.precision, job.segment,
           job.segment + 1, part_of(job), path);
  };
  ctx.pool->parallel_for(static_cast<int64_t>(jobs.size()), run);
  auto merge = [&](int64_t t, int) {
    const Task& task = tasks[static_cast<size_t>(t)];
    const AttentionPart total = output_of(shape, o, task.rows, scratch(1, 2 * kAttentionMaxQueries));
    for (size_t j = first_job[static_cast<size_t>(t)]; j < jobs.size() && jobs[j].task == static_cast<size_t>(t); ++j)
      merge_attention(task.rows.count, shape.v_dim, shape.scale, part_of(jobs[j]), total, jobs[j].segment == 0);
    finish_attention(task.rows.count, shape.v_dim, total);
  };
  ctx.pool->parallel_for(static_cast<int64_t>(tasks.size()), merge);
}

void check_shapes(const AttentionShape& s, const Tensor& q, std::span<const int32_t> offsets) {
  HADAL_CHECK(s.kv_heads > 0 && s.heads % s.kv_heads == 0 && q.cols() == s.heads * s.k_dim, "{}",
              shape_text(q.shape()));
  HADAL_CHECK(!offsets.empty() && offsets.front() == 0 && offsets.back() == q.rows(), "offsets do not cover {} rows",
              q.rows());
}

// kvs: [sequences * kv_heads]; `before(s)`: keys of sequence s in front of this batch's.
template <typename Before>
Tensor attend_all(const Context& ctx, const AttentionShape& shape, const Tensor& q, const std::vector<KeyValues>& kvs,
                  std::span<const int32_t> offsets, Before&& before) {
  Tensor o({q.rows(), shape.heads * shape.v_dim});
  std::vector<Task> tasks;
  std::vector<QueryRows> rows;
  const int64_t group = shape.heads / shape.kv_heads;
  for (size_t i = 0; i < kvs.size(); ++i) {
    const size_t s = i / static_cast<size_t>(shape.kv_heads);
    const int64_t tokens = offsets[s + 1] - offsets[s], head = static_cast<int64_t>(i) % shape.kv_heads * group;
    if (tokens == 0) continue;
    rows.clear();
    split_queries(offsets[s], tokens, before(s), head, group, rows);
    for (const QueryRows& r : rows) tasks.push_back({&kvs[i], r});
  }
  if (static_cast<int64_t>(tasks.size()) < 4 * ctx.pool->size()) {
    attend_by_segments(ctx, shape, q, tasks, o);
  } else {
    auto run = [&](int64_t i, int) { attend_in_order(ctx, shape, q, tasks[static_cast<size_t>(i)], o); };
    ctx.pool->parallel_for(static_cast<int64_t>(tasks.size()), run);
  }
  return o;
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
    for (int64_t r = 0; r < rows.count; ++r)
      std::memset(dp + r * width + used, 0, static_cast<size_t>(width - used) * 4);
    const Product dq{.a = MatrixView(dp, rows.count, width, width),
                     .packed = &k_plain,
                     .b = {},
                     .c = q.grad() + q_at,
                     .c_stride = q_stride,
                     .accumulate = true};
    gemm({&dq, 1}, ctx.precision, *ctx.pool);
    const int64_t first = rows.first_token - rows.seq_position;
    const int64_t k_stride = shape.kv_heads * kd, v_stride = shape.kv_heads * vd;
    const Product dkv[] = {{.a = ds.transposed(),
                            .b = qs,
                            .c = k.grad() + first * k_stride + kv_head * kd,
                            .c_stride = k_stride,
                            .accumulate = true},
                           {.a = ps.transposed(),
                            .b = dos,
                            .c = v.grad() + first * v_stride + kv_head * vd,
                            .c_stride = v_stride,
                            .accumulate = true}};
    gemm(dkv, ctx.precision, *ctx.pool);
  }
};

}  // namespace

Tensor attention(const Context& ctx, const AttentionShape& shape, const Tensor& q, const Tensor& k, const Tensor& v,
                 std::span<const int32_t> offsets) {
  check_shapes(shape, q, offsets);
  HADAL_CHECK(k.cols() == shape.kv_heads * shape.k_dim && v.cols() == shape.kv_heads * shape.v_dim);
  const int64_t sequences = static_cast<int64_t>(offsets.size()) - 1;
  // The batch's own rows, as blocks of a whole segment each.
  std::vector<std::vector<std::byte*>> blocks;
  blocks.reserve(static_cast<size_t>(2 * sequences));
  std::vector<KeyValues> kvs;
  for (int64_t s = 0; s < sequences; ++s) {
    const int64_t begin = offsets[static_cast<size_t>(s)], end = offsets[static_cast<size_t>(s) + 1];
    auto& k_blocks = blocks.emplace_back();
    auto& v_blocks = blocks.emplace_back();
    for (int64_t t = begin; t < end; t += kAttentionSegment) {
      k_blocks.push_back(reinterpret_cast<std::byte*>(k.row(t)));
      v_blocks.push_back(reinterpret_cast<std::byte*>(v.row(t)));
    }
    for (int64_t g = 0; g < shape.kv_heads; ++g)
      kvs.push_back({{k_blocks, kAttentionSegment, {KvType::f32, k.cols()}, g * shape.k_dim, shape.k_dim, 0},
                     {v_blocks, kAttentionSegment, {KvType::f32, v.cols()}, g * shape.v_dim, shape.v_dim, 0}});
  }
  const Tensor o = attend_all(ctx, shape, q, kvs, offsets, [](size_t) { return int64_t{0}; });
  if (ctx.tape != nullptr) {
    ctx.tape->push([ctx, shape, q, k, v, o, sequences, offsets = std::vector<int32_t>(offsets.begin(), offsets.end())] {
      q.grad(), k.grad(), v.grad(), o.grad();  // made here, on one thread
      auto run = [&](int64_t i, int) {
        const auto s = static_cast<size_t>(i / shape.kv_heads);
        if (offsets[s + 1] > offsets[s])
          BackwardTask{ctx, shape, q, k, v, o, offsets[s], offsets[s + 1], i % shape.kv_heads}.run();
      };
      ctx.pool->parallel_for(sequences * shape.kv_heads, run);
    });
  }
  return o;
}

Tensor attention_cached(const Context& ctx, const AttentionShape& shape, const Tensor& q, std::span<const KvRows> kv,
                        int64_t v_begin, std::span<const int32_t> offsets) {
  check_shapes(shape, q, offsets);
  HADAL_CHECK(ctx.tape == nullptr, "attention over stored rows has no backward");
  HADAL_CHECK(kv.size() + 1 == offsets.size());
  std::vector<KeyValues> kvs;
  for (const KvRows& rows : kv)
    for (int64_t g = 0; g < shape.kv_heads; ++g)
      kvs.push_back({rows.columns(g * shape.k_dim, shape.k_dim), rows.columns(v_begin + g * shape.v_dim, shape.v_dim)});
  return attend_all(ctx, shape, q, kvs, offsets,
                    [&](size_t s) { return kv[s].length - (offsets[s + 1] - offsets[s]); });
}

}  // namespace hadal
