#include "model/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/memory.h"

namespace hadal {
namespace {

// A latent with its rotated key is read as a whole; of keys and values, each head reads its own.
KvRow row_of(const ModelConfig& config, KvType type) {
  KvRow row{type, config.is_mla() ? config.cache_width() : config.head_dim};
  // q8: equal blocks of at most 32 numbers, as wide as fit into a latent, a rotated key and a head: no scale serves two
  // of them.
  const int64_t whole = config.is_mla() ? std::gcd(config.kv_lora, config.rope_dim) : config.head_dim;
  while (whole % row.block != 0) --row.block;
  return row;
}

int64_t parts_of(const ModelConfig& config, const KvRow& row) { return config.cache_width() / row.width; }

}  // namespace

KvCache::KvCache(const ModelConfig& config, int64_t num_tokens, KvType type)
    : row_(row_of(config, type)),
      parts_(parts_of(config, row_)),
      layers_(config.layers),
      num_blocks_((num_tokens + kBlockTokens - 1) / kBlockTokens),
      free_blocks_(num_blocks_),
      users_(static_cast<size_t>(num_blocks_)),
      free_of_page_(static_cast<size_t>((num_blocks_ + kPageBlocks - 1) / kPageBlocks)) {
  const auto num_bytes =
      free_of_page_.size() * static_cast<size_t>(kPageBlocks * layers_ * parts_ * kBlockTokens * row_.bytes());
  memory_ = take_pages(num_bytes);
  if (memory_ == nullptr)
    fail("the cache for {} tokens needs {} MB, more than this machine gives; ask for a smaller context", num_tokens,
         num_bytes >> 20);
  for (int64_t i = 0; i < num_blocks_; ++i) ++free_of_page_[static_cast<size_t>(i / kPageBlocks)];
}

// Whole pages are for those that grow. When none is left, newcomers fill pages from behind, out of the way of their
// owners.
int32_t KvCache::take(int32_t last) {
  HADAL_CHECK(free_blocks_ > 0);
  auto found = static_cast<size_t>(last + 1);
  if (last < 0 || found % kPageBlocks == 0 || found == users_.size() || users_[found] > 0) {
    const auto page = std::ranges::find(free_of_page_, kPageBlocks);
    found = static_cast<size_t>((page - free_of_page_.begin()) * kPageBlocks);
    if (page == free_of_page_.end())
      for (found = users_.size() - 1; users_[found] > 0;) --found;
  }
  users_[found] = 1;
  --free_of_page_[found / kPageBlocks];
  --free_blocks_;
  return static_cast<int32_t>(found);
}

void KvCache::give_back(int32_t block) {
  if (--users_[static_cast<size_t>(block)] > 0) return;
  ++free_of_page_[static_cast<size_t>(block / kPageBlocks)];
  ++free_blocks_;
}

int32_t KvCache::copy(int32_t block, int32_t last) {
  const int32_t to = take(last);
  const auto bytes = static_cast<size_t>(kBlockTokens * row_.bytes());
  for (int64_t layer = 0; layer < layers_; ++layer)
    for (int64_t part = 0; part < parts_; ++part)
      std::memcpy(part_at(to, layer, part), part_at(block, layer, part), bytes);
  give_back(block);
  return to;
}

int64_t KvCache::bytes_per_token(const ModelConfig& config, KvType type) {
  const KvRow row = row_of(config, type);
  return config.layers * parts_of(config, row) * row.bytes();
}

std::byte* KvCache::part_at(int32_t block, int64_t layer, int64_t part) const {
  const int64_t page = block / kPageBlocks, inside = block % kPageBlocks;
  return memory_.get() +
         (((page * layers_ + layer) * parts_ + part) * kPageBlocks + inside) * kBlockTokens * row_.bytes();
}

KvSequence::KvSequence(const KvSequence& other, int64_t length) : cache_(other.cache_), length_(length) {
  HADAL_CHECK(length >= 0 && length <= other.length_);
  const int64_t blocks = (length + KvCache::kBlockTokens - 1) / KvCache::kBlockTokens;
  blocks_.assign(other.blocks_.begin(), other.blocks_.begin() + blocks);
  for (const int32_t block : blocks_) ++cache_->users_[static_cast<size_t>(block)];
}

int64_t KvSequence::own_blocks() const {
  return std::ranges::count_if(blocks_, [&](int32_t block) { return !cache_->is_shared(block); });
}

bool KvSequence::extend(int64_t count) {
  if (count == 0) return true;
  const int64_t blocks = (length_ + count + KvCache::kBlockTokens - 1) / KvCache::kBlockTokens;
  const int64_t missing = blocks - static_cast<int64_t>(blocks_.size());
  const bool copies = length_ % KvCache::kBlockTokens != 0 && cache_->is_shared(blocks_.back());
  if (missing + (copies ? 1 : 0) > cache_->free_blocks()) return false;
  if (copies) blocks_.back() = cache_->copy(blocks_.back(), blocks_.size() > 1 ? blocks_[blocks_.size() - 2] : -1);
  for (int64_t i = 0; i < missing; ++i) blocks_.push_back(cache_->take(blocks_.empty() ? -1 : blocks_.back()));
  length_ += count;
  return true;
}

void KvSequence::truncate(int64_t length) {
  HADAL_CHECK(length <= length_);
  const auto blocks = static_cast<size_t>((length + KvCache::kBlockTokens - 1) / KvCache::kBlockTokens);
  while (blocks_.size() > blocks) {
    cache_->give_back(blocks_.back());
    blocks_.pop_back();
  }
  length_ = length;
}

KvRows KvSequence::rows(int64_t layer) const {
  KvRows rows;
  for (int32_t block : blocks_) rows.blocks.push_back(cache_->part_at(block, layer, 0));
  rows.block_rows = KvCache::kBlockTokens;
  rows.part_rows = KvCache::kBlockTokens * KvCache::kPageBlocks;
  rows.row = cache_->row_;
  rows.length = length_;
  return rows;
}

}  // namespace hadal
