#include "model/kv_cache.h"

#include <cstdlib>
#include <cstring>

#include "kernels/vector.h"

namespace hadal {

KvCache::KvCache(const ModelConfig& config, int64_t num_tokens, Precision precision)
    : layers_(config.layers),
      width_(config.cache_width()),
      num_blocks_((num_tokens + kBlockTokens - 1) / kBlockTokens),
      element_bytes_(precision == Precision::bf16 ? 2 : 4),
      is_bf16_(precision == Precision::bf16) {
  const size_t num_bytes = static_cast<size_t>(num_blocks_ * layers_ * kBlockTokens * width_ * element_bytes_);
  void* memory = std::aligned_alloc(64, (num_bytes + 63) / 64 * 64);
  if (memory == nullptr && num_bytes > 0)
    fail("the cache for {} tokens needs {} MB, more than this machine gives; ask for a smaller context", num_tokens, num_bytes >> 20);
  memory_ = {static_cast<std::byte*>(memory), [](std::byte* p) { std::free(p); }};
  for (int64_t i = num_blocks_; i-- > 0;) free_.push_back(static_cast<int32_t>(i));
}

int64_t KvCache::bytes_per_token(const ModelConfig& config, Precision precision) {
  return config.layers * config.cache_width() * (precision == Precision::bf16 ? 2 : 4);
}

std::byte* KvCache::row(int32_t block, int64_t layer, int64_t row_in_block) const {
  return memory_.get() + ((block * layers_ + layer) * kBlockTokens + row_in_block) * width_ * element_bytes_;
}

bool KvSequence::extend(int64_t count) {
  const int64_t blocks = (length_ + count + KvCache::kBlockTokens - 1) / KvCache::kBlockTokens;
  const int64_t missing = blocks - static_cast<int64_t>(blocks_.size());
  if (missing > cache_->free_blocks()) return false;
  for (int64_t i = 0; i < missing; ++i) {
    blocks_.push_back(cache_->free_.back());
    cache_->free_.pop_back();
  }
  length_ += count;
  return true;
}

void KvSequence::truncate(int64_t length) {
  HADAL_CHECK(length <= length_);
  const auto blocks = static_cast<size_t>((length + KvCache::kBlockTokens - 1) / KvCache::kBlockTokens);
  while (blocks_.size() > blocks) {
    cache_->free_.push_back(blocks_.back());
    blocks_.pop_back();
  }
  length_ = length;
}

void KvSequence::write(int64_t layer, int64_t first, int64_t count, const float* rows, int64_t stride, int64_t column, int64_t width) {
  HADAL_CHECK(first >= 0 && first + count <= length_ && column + width <= cache_->width_);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = first + i;
    std::byte* to = cache_->row(blocks_[static_cast<size_t>(at / KvCache::kBlockTokens)], layer, at % KvCache::kBlockTokens);
    to += column * cache_->element_bytes_;
    if (cache_->is_bf16_) vec().to_bf16(rows + i * stride, reinterpret_cast<Bf16*>(to), width);
    else std::memcpy(to, rows + i * stride, static_cast<size_t>(width) * 4);
  }
}

KvRows KvSequence::rows(int64_t layer) const {
  KvRows rows;
  for (int32_t block : blocks_) rows.blocks.push_back(cache_->row(block, layer, 0));
  rows.block_rows = KvCache::kBlockTokens;
  rows.row_width = cache_->width_;
  rows.is_bf16 = cache_->is_bf16_;
  rows.length = length_;
  return rows;
}

}  // namespace hadal
