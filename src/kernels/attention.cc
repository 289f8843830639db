#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "kernels/levels/cpu_features.h"
#include "kernels/levels/level.h"
#include "kernels/levels/scratch.h"

namespace hadal {
namespace {

using namespace kernels;

int64_t round_up(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

// The layout of one segment's operands, by precision and level.
struct Shape {
  Precision precision;
  const GemmKernels& level;
  bool is_bf16 = precision == Precision::bf16;
  Format format = is_bf16 ? level.bf16_a : Format::f32;
  int64_t a_bytes = format == Format::bf16 ? 2 : 4, b_bytes = is_bf16 ? 2 : 4;
  MultiplyFn multiply = is_bf16 ? level.multiply_bf16 : level.multiply_f32;

  bool fetches() const { return is_bf16 && level.multiply_tiles != nullptr; }
  int64_t depth(int64_t k) const { return is_bf16 ? round_up(k, kUnit) : k; }
  int64_t panel_bytes(int64_t k) const { return depth(k) * kPanel * b_bytes; }
  int64_t lda(int64_t k) const {
    return round_up(k, kUnit) + 64 / a_bytes;
  }  // one more cache line: rows do not share a cache set

  // C[rows, cols] = A[rows, k] * one panel, K cut into parts as in gemm().
  void product(const char* a, int64_t stride, const char* panel, int64_t k, float* c, int64_t ldc, int64_t rows,
               int64_t cols, Fetch* fetch) const {
    constexpr int64_t kBlockF32 = 256;
    const int64_t step = is_bf16 ? level.block_k_bf16 : kBlockF32, whole = depth(k);
    for (int64_t i = 0; i < whole; i += step)
      multiply(a + i * a_bytes, stride, panel + i * kPanel * b_bytes, std::min(step, whole - i), c, ldc, rows, cols,
               i > 0, fetch);
  }
};

// Are the values a part of the keys, as with an absorbed latent?
bool within(const StoredRows& v, const StoredRows& k) {
  return v.blocks[0] == k.blocks[0] && v.offset == k.offset && v.first_column >= k.first_column &&
         v.first_column + v.width <= k.first_column + k.width;
}

// The rows from `first` to the end of its block; not for q8.
Source rows_of(const StoredRows& r, int64_t first) {
  return {r.row.at(r.row_at(first), r.first_column), r.row.type == KvType::bf16, r.row.width, 1};
}

// Reads rows into the cache in the order of memory, at its full bandwidth. A product reads several rows at once, which
// the hardware does not prefetch well; and it drops prefetch instructions that come faster than memory answers.
void read_ahead(const StoredRows& r, int64_t first, int64_t last) {
  const int64_t element = r.row.type == KvType::bf16 ? 2 : 4, row_bytes = r.row.bytes();
  while (first < last) {
    const int64_t count = std::min(last - first, r.block_rows - first % r.block_rows);
    const auto* rows = static_cast<const char*>(rows_of(r, first).data);
    const int64_t apart = cpu_features().wants_streams ? (count + 3) / 4 : count;  // distance of the streams, in rows
    for (int64_t i = 0; i < apart; ++i)
      for (int64_t at = 0; at < r.width * element; at += 64)
        for (int64_t j = i; j < count; j += apart) asm volatile("" : : "r"(rows[j * row_bytes + at]));
    first += count;
  }
}

// The rows as one contiguous range of memory; empty if they are not. Consecutive blocks may be contiguous.
Fetch run_of(const StoredRows& r, int64_t first, int64_t last) {
  if (r.row.type != KvType::bf16 || r.row.width != r.width || last <= first) return {};
  for (int64_t at = first; at < last; at += r.block_rows - at % r.block_rows)
    if (r.row_at(at) - r.row_at(first) != (at - first) * r.row.bytes()) return {};
  return {r.row_at(first), (last - first) * r.row.bytes()};
}

// scores [keys, count] = K Q^T. Stored keys are the left operand, read in place if the kernel can.
void score(const Shape& s, const StoredRows& k, int64_t begin, int64_t keys, const char* queries, int64_t count,
           float* scores, int64_t ld, Fetch& fetch) {
  thread_local Scratch memory;
  constexpr int64_t kRun = 64;  // keys that stay in the cache for all queries
  const bool keys_in_place = s.format == Format::bf16 && k.row.type == KvType::bf16 && k.width % kUnit == 0;
  const int64_t taken = fetch.next, limit = fetch.until;
  for (int64_t i = 0; i < keys;) {
    const int64_t at = begin + i, rows = std::min({kRun, keys - i, k.block_rows - at % k.block_rows});
    fetch.until = taken + (limit - taken) * (i + rows) / keys;
    const Source source = rows_of(k, at);
    const char* a = static_cast<const char*>(source.data);
    int64_t stride = source.row_stride;
    if (!keys_in_place) {
      stride = s.lda(k.width);
      char* converted = memory.get(kRun * stride * s.a_bytes);
      s.level.pack_a(source, 0, rows, k.width, s.depth(k.width), s.format, converted, stride);
      a = converted;
    }
    for (int64_t col = 0; col < count; col += kPanel) {
      const int64_t cols = std::min(kPanel, round_up(count - col, 8));  // whole vectors, into the padding
      s.product(a, stride, queries + col / kPanel * s.panel_bytes(k.width), k.width, scores + i * ld + col, ld, rows,
                cols, &fetch);
    }
    i += rows;
  }
}

// Is P so small that reading V in place is faster than packing it?
bool values_in_place(const Shape& s, const StoredRows& v, int64_t count) {
  return s.is_bf16 && count <= s.level.few_rows && v.row.type == KvType::bf16 && v.width % kPanel == 0;
}
// out [count, v.width] = P V, without packing. p: the transpose of P, [keys, ld].
void weigh_in_place(const Shape& s, const StoredRows& v, int64_t begin, int64_t keys, const float* p, int64_t ld,
                    int64_t count, const AttentionPart& out, Fetch& fetch) {
  static_assert(kAttentionSegment == kFewSteps);
  const uint16_t* rows[kAttentionSegment];
  for (int64_t i = 0; i < keys;) {
    const int64_t at = begin + i, together = std::min(keys - i, v.block_rows - at % v.block_rows);
    const auto* row = static_cast<const uint16_t*>(rows_of(v, at).data);
    for (int64_t end = i + together; i < end; ++i, row += v.row.width) rows[i] = row;
  }
  s.level.multiply_bf16_rows(p, ld, rows, keys, out.numerators, out.stride, count, v.width, fetch);
}

// out [count, v.width] = P V, packing a panel of V's columns at a time. p: P packed, [count, lda].
void weigh(const Shape& s, const StoredRows& v, int64_t begin, int64_t keys, const char* p, int64_t lda, int64_t count,
           const AttentionPart& out, Fetch& fetch) {
  thread_local Scratch memory;
  char* panel = memory.get(s.panel_bytes(kAttentionSegment) + kUnit * kPanel * 4);
  const int64_t taken = fetch.next;
  for (int64_t col = 0; col < v.width; col += kPanel) {
    fetch.until = taken + (fetch.lines - taken) * std::min(v.width, col + kPanel) / v.width;
    const int64_t cols = std::min(kPanel, v.width - col);
    for (int64_t i = 0; i < keys;) {
      const int64_t at = begin + i, rows = std::min(keys - i, v.block_rows - at % v.block_rows);
      s.level.pack_panel(rows_of(v, at), rows, col, cols, s.is_bf16, panel + i * kPanel * s.b_bytes);
      i += rows;
    }
    s.product(p, lda, panel, keys, out.numerators + col, out.stride, count, cols, &fetch);
  }
}

// One segment of q8 rows, widened to the type that products read: a single block in `memory`.
struct Widened {
  std::byte* block = nullptr;
  StoredRows rows;

  Widened(const Shape& s, const StoredRows& r, int64_t begin, int64_t keys, Scratch& memory) {
    // Row strides like those of a packed A.
    const KvRow row{s.is_bf16 ? KvType::bf16 : KvType::f32, s.lda(r.width)};
    char* to = memory.get(keys * row.bytes());
    for (int64_t i = 0; i < keys; ++i, to += row.bytes()) {
      if (s.is_bf16)
        r.row.read(r.row_at(begin + i), r.first_column, r.width, reinterpret_cast<Bf16*>(to));
      else
        r.row.read(r.row_at(begin + i), r.first_column, r.width, reinterpret_cast<float*>(to));
    }
    block = reinterpret_cast<std::byte*>(to - keys * row.bytes());
    rows = {{&block, 1}, kAttentionSegment, row, 0, r.width, 0};
  }
  Widened(const Widened&) = delete;  // `rows` points to `block`
  Widened& operator=(const Widened&) = delete;
};

// The queries of a call, packed as the right operand of K Q^T.
struct Queries {
  const AttentionQueries& rows;
  int64_t panels = round_up(rows.count, kPanel) / kPanel;
  const char* packed = nullptr;

  Queries(const Shape& s, const AttentionQueries& q, int64_t k, Scratch& memory) : rows(q) {
    char* to = memory.get(panels * s.panel_bytes(k));
    packed = to;
    const Source transpose{q.q, false, 1, q.q_stride};  // [k, count]
    for (int64_t i = 0; i < panels; ++i, to += s.panel_bytes(k))
      s.level.pack_panel(transpose, k, i * kPanel, std::min(kPanel, q.count - i * kPanel), s.is_bf16, to);
  }
};

// Prefetching of a segment: what earlier calls did for it, and what this one shall do for the next.
struct Nearness {
  bool keys = false;  // this segment's keys were prefetched
  Fetch next = {};
};

// Attends to `keys` stored rows from `begin` on, which are keys [first, first + keys) of the sequence.
void attend_rows(const Shape& s, const Queries& q, const StoredRows& k, const StoredRows& v, float scale, int64_t begin,
                 int64_t first, int64_t keys, const AttentionPart& out, Nearness near) {
  thread_local Scratch memory;
  const int64_t count = q.rows.count, ld = q.panels * kPanel, lda = s.lda(kAttentionSegment),
                score_bytes = kAttentionSegment * ld * 4;
  char* p = memory.get(score_bytes + kAttentionMaxQueries * lda * s.a_bytes) + score_bytes;
  auto* scores = reinterpret_cast<float*>(p - score_bytes);

  // Values are prefetched while scores are computed, the next keys while values are weighted.
  const bool one = within(v, k);
  Fetch values;
  if (s.fetches() && !one) values = run_of(v, begin, begin + keys);
  if (!near.keys) read_ahead(k, begin, begin + keys);
  if (!one && values.lines == 0) read_ahead(v, begin, begin + keys);
  near.next.until = one ? near.next.lines / 2 : 0;
  score(s, k, begin, keys, q.packed, count, scores, ld, one ? near.next : values);
  values.finish();
  near.next.until = near.next.lines;

  int32_t valid[kAttentionMaxQueries];
  for (int64_t r = 0; r < count; ++r)
    valid[r] = static_cast<int32_t>(std::clamp<int64_t>(q.rows.num_keys(r) - first, 0, keys));
  vec().softmax_columns(scores, ld, keys, count, valid, scale, out.max, out.sum);
  if (values_in_place(s, v, count)) return weigh_in_place(s, v, begin, keys, scores, ld, count, out, near.next);
  s.level.pack_a({scores, false, 1, ld}, 0, count, keys, s.depth(keys), s.format, p, lda);
  weigh(s, v, begin, keys, p, lda, count, out, near.next);
}

// The same for q8 rows, widened first; once, if the values are a part of the keys.
void attend_q8_rows(const Shape& s, const Queries& q, const StoredRows& k, const StoredRows& v, float scale,
                    int64_t begin, int64_t keys, const AttentionPart& out) {
  thread_local Scratch key_memory, value_memory;
  const Widened wide_k(s, k, begin, keys, key_memory);
  if (within(v, k)) {
    StoredRows wide_v = wide_k.rows;
    wide_v.first_column = v.first_column - k.first_column, wide_v.width = v.width;
    return attend_rows(s, q, wide_k.rows, wide_v, scale, 0, begin, keys, out, {.keys = true});
  }
  const Widened wide_v(s, v, begin, keys, value_memory);
  attend_rows(s, q, wide_k.rows, wide_v.rows, scale, 0, begin, keys, out, {.keys = true});
}

}  // namespace

void attend(const AttentionQueries& queries, const StoredRows& k, const StoredRows& v, float scale, Precision precision,
            int64_t first, int64_t last, const AttentionPart& out, const AttentionPath& path) {
  HADAL_CHECK(queries.count >= 1 && queries.count <= kAttentionMaxQueries && kAttentionSegment % k.block_rows == 0);
  thread_local Scratch query_memory, part_memory;
  const Shape s{precision, gemm_kernels()};
  const Queries q(s, queries, k.width, query_memory);
  auto* values = reinterpret_cast<float*>(part_memory.get(queries.count * (v.width + 2) * 4));
  const AttentionPart part{values, v.width, values + queries.count * v.width, values + queries.count * (v.width + 1)};
  const auto segment_of = [&](const StoredRows& rows, int64_t segment, int64_t end) {
    const int64_t begin = segment * kAttentionSegment;
    return s.fetches() ? run_of(rows, begin, std::min(begin + kAttentionSegment, end)) : Fetch{};
  };
  for (int64_t segment = first; segment < last; ++segment) {
    const int64_t begin = segment * kAttentionSegment, keys = std::min(kAttentionSegment, queries.max_keys() - begin);
    const AttentionPart& to = segment == first ? out : part;
    if (k.row.type == KvType::q8) {
      attend_q8_rows(s, q, k, v, scale, begin, keys, to);
    } else {
      Nearness near{(segment > first || path.announced) && segment_of(k, segment, queries.max_keys()).lines > 0};
      if (segment + 1 < last)
        near.next = segment_of(k, segment + 1, queries.max_keys());
      else if (path.next != nullptr)
        near.next = segment_of(*path.next, path.next_segment, path.next_keys);
      attend_rows(s, q, k, v, scale, begin, begin, keys, to, near);
    }
    if (segment > first) merge_attention(queries.count, v.width, scale, part, out, false);
  }
}

void merge_attention(int64_t count, int64_t width, float scale, const AttentionPart& part, const AttentionPart& total,
                     bool first) {
  for (int64_t r = 0; r < count; ++r) {
    float* to = total.numerators + r * total.stride;
    const float* from = part.numerators + r * part.stride;
    if (first) {
      std::memcpy(to, from, static_cast<size_t>(width) * 4);
      total.sum[r] = part.sum[r], total.max[r] = part.max[r];
      continue;
    }
    if (part.sum[r] == 0) continue;  // this row has no key in the part
    const float top = std::max(total.max[r], part.max[r]);
    const float keep = std::exp(scale * (total.max[r] - top)), take = std::exp(scale * (part.max[r] - top));
    if (keep != 1) vec().scale(keep, to, width);
    vec().axpy(take, from, to, width);
    total.sum[r] = total.sum[r] * keep + part.sum[r] * take;
    total.max[r] = top;
  }
}

void finish_attention(int64_t count, int64_t width, const AttentionPart& total) {
  for (int64_t r = 0; r < count; ++r) vec().scale(1.0f / total.sum[r], total.numerators + r * total.stride, width);
}

}  // namespace hadal
