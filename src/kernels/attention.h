// Softmax attention of a few query rows over stored rows of keys and values, in segments of kAttentionSegment keys.
//
// A segment yields numerators (the values weighted by exp(scale * (score - max))), the sum of the weights and the
// maximum. Segments are merged in order (online softmax: Milakov & Gimelshein 2018; Dao et al. 2022). A query row's
// result depends on its own keys alone, not on the other rows, nor on which thread computes which segment. So a token
// is bit-identical whether it is decoded, part of a prompt, or part of a training batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/gemm.h"
#include "kernels/kv_row.h"

namespace hadal {

inline constexpr int64_t kAttentionSegment = 256;     // keys
inline constexpr int64_t kAttentionMaxQueries = 128;  // query rows of one call

// Keys or values of one kv head, in blocks that need not be contiguous: row i is row i % block_rows of block i /
// block_rows, of which columns [first_column, first_column + width) are used. A view.
struct StoredRows {
  std::span<std::byte* const> blocks;  // kernels only read them
  int64_t block_rows = 0;              // a power of two, at most kAttentionSegment
  KvRow row;
  int64_t first_column = 0, width = 0;
  int64_t offset = 0;  // bytes from the start of a block to its first row

  std::byte* row_at(int64_t i) const {
    return blocks[static_cast<size_t>(i / block_rows)] + offset + i % block_rows * row.bytes();
  }
};

// Queries [count, q_stride]; row r attends to keys [0, num_keys(r)), num_keys(r) = keys + r * keys_step. keys_step is 0
// for the heads of one token, 1 for the tokens of one head.
struct AttentionQueries {
  const float* q = nullptr;
  int64_t q_stride = 0, count = 0;
  int64_t keys = 0, keys_step = 0;
  int64_t num_keys(int64_t row) const { return keys + row * keys_step; }
  int64_t max_keys() const { return num_keys(count - 1); }
  int64_t segments() const { return (max_keys() + kAttentionSegment - 1) / kAttentionSegment; }
};

// A partial result: numerators [count, stride] with v.width columns, sum [count], max [count] (before scaling). The
// caller owns the memory.
struct AttentionPart {
  float* numerators = nullptr;
  int64_t stride = 0;
  float *sum = nullptr, *max = nullptr;
};

// What this thread computes next, so that its keys are prefetched meanwhile.
struct AttentionPath {
  bool announced = false;  // this call's first keys were `next` of the call before
  const StoredRows* next = nullptr;
  int64_t next_segment = 0, next_keys = 0;  // next_keys: one past its last key
};

// Computes segments [first, last) of the keys in order, on the calling thread.
void attend(const AttentionQueries& queries, const StoredRows& k, const StoredRows& v, float scale, Precision precision,
            int64_t first, int64_t last, const AttentionPart& out, const AttentionPath& path = {});
// Merges `part` into `total`; `first`: total is still empty. Parts must come in the order of their segments.
void merge_attention(int64_t count, int64_t width, float scale, const AttentionPart& part, const AttentionPart& total,
                     bool first);
// Divides the numerators by their sum, in place.
void finish_attention(int64_t count, int64_t width, const AttentionPart& total);

}  // namespace hadal
