#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "kernels/cpu_features.h"
#include "kernels/level.h"
#include "kernels/scratch.h"

namespace hadal {
namespace {

using namespace kernels;

int64_t round_up(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

// How one segment's operands lie, by precision and level.
struct Shape {
  Precision precision;
  const GemmKernels& level;
  bool is_bf16 = precision == Precision::bf16;
  Format format = is_bf16 ? level.bf16_a : Format::f32;
  int64_t a_bytes = format == Format::bf16 ? 2 : 4, b_bytes = is_bf16 ? 2 : 4;
  MultiplyFn multiply = is_bf16 ? level.multiply_bf16 : level.multiply_f32;

  int64_t depth(int64_t k) const { return is_bf16 ? round_up(k, kUnit) : k; }
  int64_t panel_bytes(int64_t k) const { return depth(k) * kPanel * b_bytes; }
  int64_t lda(int64_t k) const { return round_up(k, kUnit) + 64 / a_bytes; }  // the odd line keeps rows off one cache set

  // C[rows, cols] (+)= A[rows, k] * one panel, the sum along k block by block as gemm() does.
  void product(const char* a, int64_t stride, const char* panel, int64_t k, float* c, int64_t ldc, int64_t rows, int64_t cols, Fetch* fetch) const {
    constexpr int64_t kBlockF32 = 256;
    const int64_t step = is_bf16 ? level.block_k_bf16 : kBlockF32, whole = depth(k);
    for (int64_t i = 0; i < whole; i += step)
      multiply(a + i * a_bytes, stride, panel + i * kPanel * b_bytes, std::min(step, whole - i), c, ldc, rows, cols, i > 0, fetch);
  }
};

// Do the values lie within the keys, as those of an absorbed latent do?
bool within(const StoredRows& v, const StoredRows& k) {
  return v.blocks[0] == k.blocks[0] && v.offset == k.offset && v.first_column >= k.first_column && v.first_column + v.width <= k.first_column + k.width;
}

// Rows from `first` to the end of its block; not q8.
Source rows_of(const StoredRows& r, int64_t first) {
  return {r.row.at(r.row_at(first), r.first_column), r.row.type == KvType::bf16, r.row.width, 1};
}

// Brings rows near, in the order in which they lie: read in one run, memory gives its bandwidth. (Products walk several rows
// at once, which the hardware does not follow; and it drops prefetches that come faster than they are served.)
void read_ahead(const StoredRows& r, int64_t first, int64_t last) {
  const int64_t element = r.row.type == KvType::bf16 ? 2 : 4, row_bytes = r.row.bytes();
  while (first < last) {
    const int64_t count = std::min(last - first, r.block_rows - first % r.block_rows);
    const auto* rows = static_cast<const char*>(rows_of(r, first).data);
    const int64_t apart = cpu_features().wants_streams ? (count + 3) / 4 : count;  // rows from one stream to the next
    for (int64_t i = 0; i < apart; ++i)
      for (int64_t at = 0; at < r.width * element; at += 64)
        for (int64_t j = i; j < count; j += apart) asm volatile("" : : "r"(rows[j * row_bytes + at]));
    first += count;
  }
}

// The rows as one run of memory; empty where they are none.
Fetch run_of(const StoredRows& r, int64_t first, int64_t last) {
  if (r.row.type != KvType::bf16 || r.row.width != r.width || last <= first || (last - 1) / r.block_rows != first / r.block_rows) return {};
  return {r.row_at(first), (last - first) * r.row.bytes()};
}

// [keys, count] = K Q^T: stored keys are the left operand, where they lie if the kernel can read them there.
void score(const Shape& s, const StoredRows& k, int64_t begin, int64_t keys, const char* queries, int64_t count, float* scores, int64_t ld,
           Fetch& fetch) {
  thread_local Scratch memory;
  const bool lies_right = s.format == Format::bf16 && k.row.type == KvType::bf16 && k.width % kUnit == 0;
  for (int64_t i = 0; i < keys;) {
    const int64_t at = begin + i, rows = std::min(keys - i, k.block_rows - at % k.block_rows);
    const Source source = rows_of(k, at);
    const char* a = static_cast<const char*>(source.data);
    int64_t stride = source.row_stride;
    if (!lies_right) {
      stride = s.lda(k.width);
      char* converted = memory.get(k.block_rows * stride * s.a_bytes);
      s.level.pack_a(source, 0, rows, k.width, s.depth(k.width), s.format, converted, stride);
      a = converted;
    }
    for (int64_t col = 0; col < count; col += kPanel) {
      const int64_t cols = std::min(kPanel, round_up(count - col, 8));  // whole vectors, into the padding
      s.product(a, stride, queries + col / kPanel * s.panel_bytes(k.width), k.width, scores + i * ld + col, ld, rows, cols, &fetch);
    }
    i += rows;
  }
}

// Are the rows of P so few that V is better read where it lies?
bool in_place(const Shape& s, const StoredRows& v, int64_t count) {
  return s.is_bf16 && count <= s.level.few_rows && v.row.type == KvType::bf16 && v.width % kPanel == 0;
}
// [count, width of v] = P V. p: the transpose of P, [keys, count].
void weigh_in_place(const Shape& s, const StoredRows& v, int64_t begin, int64_t keys, const float* p, int64_t ld, int64_t count, const AttentionPart& out,
                    Fetch& fetch) {
  static_assert(kAttentionSegment == kFewSteps);
  const uint16_t* rows[kAttentionSegment];
  for (int64_t i = 0; i < keys;) {
    const int64_t at = begin + i, together = std::min(keys - i, v.block_rows - at % v.block_rows);
    const auto* row = static_cast<const uint16_t*>(rows_of(v, at).data);
    for (int64_t end = i + together; i < end; ++i, row += v.row.width) rows[i] = row;
  }
  s.level.multiply_bf16_rows(p, ld, rows, keys, out.numerators, out.stride, count, v.width, &fetch);
}

// [count, width of v] = P V, a panel of columns at a time.
void weigh(const Shape& s, const StoredRows& v, int64_t begin, int64_t keys, const char* p, int64_t lda, int64_t count, const AttentionPart& out,
           Fetch& fetch) {
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

// One segment of q8 rows, widened to what its products read; a view of `memory`, as one block.
struct Widened {
  const void* block = nullptr;
  StoredRows rows;

  Widened(const Shape& s, const StoredRows& r, int64_t begin, int64_t keys, Scratch& memory) {
    // Rows at an odd number of lines, as those of a product's left side.
    const KvRow row{s.is_bf16 ? KvType::bf16 : KvType::f32, s.lda(r.width)};
    char* to = memory.get(keys * row.bytes());
    for (int64_t i = 0; i < keys; ++i, to += row.bytes()) {
      if (s.is_bf16) r.row.read(r.row_at(begin + i), r.first_column, r.width, reinterpret_cast<Bf16*>(to));
      else r.row.read(r.row_at(begin + i), r.first_column, r.width, reinterpret_cast<float*>(to));
    }
    block = to - keys * row.bytes();
    rows = {{&block, 1}, kAttentionSegment, row, 0, r.width, 0};
  }
  Widened(const Widened&) = delete;  // `rows` points to `block`
  Widened& operator=(const Widened&) = delete;
};

// Rows are widened once where the values lie within the keys.
void attend_q8_segment(const Shape& s, const AttentionQueries& queries, const StoredRows& k, const StoredRows& v, float scale, int64_t segment,
                       const AttentionPart& out) {
  thread_local Scratch key_memory, value_memory;
  const int64_t begin = segment * kAttentionSegment, keys = std::min(kAttentionSegment, queries.max_keys() - begin);
  AttentionQueries here = queries;
  here.keys -= begin;
  const Widened wide_k(s, k, begin, keys, key_memory);
  if (within(v, k)) {
    StoredRows wide_v = wide_k.rows;
    wide_v.first_column = v.first_column - k.first_column, wide_v.width = v.width;
    return attend_segment(here, wide_k.rows, wide_v, scale, s.precision, 0, out);
  }
  const Widened wide_v(s, v, begin, keys, value_memory);
  attend_segment(here, wide_k.rows, wide_v.rows, scale, s.precision, 0, out);
}

}  // namespace

void attend_segment(const AttentionQueries& queries, const StoredRows& k, const StoredRows& v, float scale, Precision precision, int64_t segment,
                    const AttentionPart& out, const AttentionPath& path) {
  HADAL_CHECK(queries.count >= 1 && queries.count <= kAttentionMaxQueries && kAttentionSegment % k.block_rows == 0);
  const Shape s{precision, gemm_kernels()};
  if (k.row.type == KvType::q8) return attend_q8_segment(s, queries, k, v, scale, segment, out);
  const int64_t begin = segment * kAttentionSegment, keys = std::min(kAttentionSegment, queries.max_keys() - begin), count = queries.count;
  const int64_t panels = round_up(count, kPanel) / kPanel, ld = panels * kPanel, lda = s.lda(kAttentionSegment);
  thread_local Scratch memory;
  const int64_t query_bytes = panels * s.panel_bytes(k.width), score_bytes = kAttentionSegment * ld * 4;
  char* packed = memory.get(query_bytes + score_bytes + kAttentionMaxQueries * lda * s.a_bytes);
  auto* scores = reinterpret_cast<float*>(packed + query_bytes);
  char* p = packed + query_bytes + score_bytes;

  const Source q{queries.q, false, 1, queries.q_stride};  // the transpose: [k.width, count]
  for (int64_t i = 0; i < panels; ++i)
    s.level.pack_panel(q, k.width, i * kPanel, std::min(kPanel, count - i * kPanel), s.is_bf16, packed + i * s.panel_bytes(k.width));
  // Values come while scores are made, and the next keys while values are weighed.
  const bool one = within(v, k), fetches = s.is_bf16 && s.level.multiply_tiles != nullptr;
  Fetch values, next;
  if (fetches && path.next != nullptr) next = run_of(*path.next, path.next_segment * kAttentionSegment, std::min((path.next_segment + 1) * kAttentionSegment, path.next_keys));
  if (fetches && !one) values = run_of(v, begin, begin + keys);
  if (!fetches || !path.announced || run_of(k, begin, begin + keys).lines == 0) read_ahead(k, begin, begin + keys);
  if (!one && values.lines == 0) read_ahead(v, begin, begin + keys);
  next.until = one ? next.lines / 2 : 0;
  score(s, k, begin, keys, packed, count, scores, ld, one ? next : values);
  values.finish();
  next.until = next.lines;

  int32_t valid[kAttentionMaxQueries];
  for (int64_t r = 0; r < count; ++r) valid[r] = static_cast<int32_t>(std::clamp<int64_t>(queries.num_keys(r) - begin, 0, keys));
  vec().softmax_columns(scores, ld, keys, count, valid, scale, out.max, out.sum);
  if (in_place(s, v, count)) return weigh_in_place(s, v, begin, keys, scores, ld, count, out, next);
  s.level.pack_a({scores, false, 1, ld}, 0, count, keys, s.depth(keys), s.format, p, lda);
  weigh(s, v, begin, keys, p, lda, count, out, next);
}

void merge_attention(int64_t count, int64_t width, float scale, const AttentionPart& part, const AttentionPart& total, bool first) {
  for (int64_t r = 0; r < count; ++r) {
    float* to = total.numerators + r * total.stride;
    const float* from = part.numerators + r * part.stride;
    if (first) {
      std::memcpy(to, from, static_cast<size_t>(width) * 4);
      total.sum[r] = part.sum[r], total.max[r] = part.max[r];
      continue;
    }
    if (part.sum[r] == 0) continue;  // none of this row's keys
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
