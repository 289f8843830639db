// The attention state of sequences, by token and layer: MLA latents (with the rotated key) or grouped-query keys and
// values. Memory is one pool of blocks; a sequence owns whole blocks and returns them when it ends. Blocks are small,
// so that many short sequences fit; a long one gets contiguous blocks where it can, a page of them at a time. Sequences
// with a common prefix may share its blocks, which are counted by user: a block returns to the pool with its last user,
// and a sequence that writes into a shared one copies it first. Not thread-safe: the engine's thread owns it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model/config.h"
#include "ops/ops.h"

namespace hadal {

class KvCache {
 public:
  static constexpr int64_t kBlockTokens = 64;
  static constexpr int64_t kPageBlocks = 4;
  KvCache(const ModelConfig& config, int64_t num_tokens, KvType type);

  int64_t num_blocks() const { return num_blocks_; }
  int64_t free_blocks() const { return free_blocks_; }
  static int64_t bytes_per_token(const ModelConfig& config, KvType type);

 private:
  friend class KvSequence;
  std::byte* part_at(int32_t block, int64_t layer, int64_t part) const;  // its rows follow each other (KvRows)
  int32_t take(int32_t last);     // a free block, the one behind `last` if that is free and of its page
  void give_back(int32_t block);  // one user less
  bool is_shared(int32_t block) const { return users_[static_cast<size_t>(block)] > 1; }
  int32_t copy(int32_t block, int32_t last);  // a block of its own with the same rows, in exchange for a shared one
  KvRow row_;                                 // of a part
  int64_t parts_, layers_, num_blocks_, free_blocks_;
  std::shared_ptr<std::byte> memory_;
  std::vector<int32_t> users_;  // by block
  std::vector<int8_t> free_of_page_;
};

class KvSequence {
 public:
  explicit KvSequence(KvCache& cache) : cache_(&cache) {}
  // Begins with the first `length` tokens of `other`, whose rows are written, and shares their blocks. Takes no memory.
  KvSequence(const KvSequence& other, int64_t length);
  ~KvSequence() { truncate(0); }
  KvSequence(const KvSequence&) = delete;
  KvSequence& operator=(const KvSequence&) = delete;

  int64_t length() const { return length_; }
  int64_t own_blocks() const;  // not shared: they return to the pool when this sequence ends
  // Adds capacity for `count` more tokens and counts them; a shared last block is copied first. False (and nothing
  // changes) when the pool is exhausted.
  bool extend(int64_t count);
  void truncate(int64_t length);

  // Where one layer's rows are: for store_rows() and the attentions. Valid until the next extend() or truncate().
  KvRows rows(int64_t layer) const;

 private:
  KvCache* cache_;
  std::vector<int32_t> blocks_;
  int64_t length_ = 0;
};

}  // namespace hadal
