// Softmax attention of a few query rows over stored rows of keys and values, in segments of kSegment keys.
//
// Each segment gives numerators, their sum and their maximum; segments are merged in order (Milakov & Gimelshein 2018;
// Dao et al. 2022). A query row's result depends on its own keys alone: not on the rows beside it, nor on who computes
// which segment. So one decoded token, its place in a prompt, and a training batch give the same bits.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/gemm.h"
#include "kernels/kv_row.h"

namespace hadal {

inline constexpr int64_t kAttentionSegment = 256;     // keys
inline constexpr int64_t kAttentionMaxQueries = 128;  // rows of one call

// Keys or values of one kv head: row i is row i % block_rows of block i / block_rows, of it `width` numbers.
struct StoredRows {
  std::span<const void* const> blocks;
  int64_t block_rows = 0;  // a power of two, at most kAttentionSegment
  KvRow row;
  int64_t first_column = 0, width = 0;
  int64_t offset = 0;  // bytes of a block before its first row

  const std::byte* row_at(int64_t i) const {
    return static_cast<const std::byte*>(blocks[static_cast<size_t>(i / block_rows)]) + offset +
           i % block_rows * row.bytes();
  }
};

// count rows of queries against keys [0, num_keys(row)), num_keys(row) = keys + row * keys_step (step 0 or 1: the heads
// of one token, or the tokens of one head).
struct AttentionQueries {
  const float* q = nullptr;
  int64_t q_stride = 0, count = 0;
  int64_t keys = 0, keys_step = 0;
  int64_t num_keys(int64_t row) const { return keys + row * keys_step; }
  int64_t max_keys() const { return num_keys(count - 1); }
  int64_t segments() const { return (max_keys() + kAttentionSegment - 1) / kAttentionSegment; }
};

// Numerators [count][width of v], and for each row the sum and the maximum (before scaling). Owned by the caller.
struct AttentionPart {
  float* numerators = nullptr;
  int64_t stride = 0;
  float *sum = nullptr, *max = nullptr;
};

// Where this thread goes on, so that memory is read while it computes.
struct AttentionPath {
  bool announced = false;  // the first keys were the `next` of an earlier call
  const StoredRows* next = nullptr;
  int64_t next_segment = 0, next_keys = 0;  // next_keys: the last key + 1
};

// Segments [first, last) of the keys in order, on the calling thread.
void attend(const AttentionQueries& queries, const StoredRows& k, const StoredRows& v, float scale, Precision precision,
            int64_t first, int64_t last, const AttentionPart& out, const AttentionPath& path = {});
// total (+)= part; `first`: total holds nothing yet. Parts must come in the order of their segments.
void merge_attention(int64_t count, int64_t width, float scale, const AttentionPart& part, const AttentionPart& total,
                     bool first);
// Numerators / sum, in place.
void finish_attention(int64_t count, int64_t width, const AttentionPart& total);

}  // namespace hadal
