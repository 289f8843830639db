#include "model/kv_cache.h"

#include "model/tiny_models.h"

namespace hadal {
namespace {

constexpr int64_t kBlock = KvCache::kBlockTokens;

float stored(const KvRows& rows, int64_t at, int64_t column) {
  const auto* block = rows.blocks[static_cast<size_t>(at / rows.block_rows)];
  const int64_t i = at % rows.block_rows * rows.row_width + column;
  return rows.is_bf16 ? static_cast<float>(static_cast<const Bf16*>(block)[i]) : static_cast<const float*>(block)[i];
}

TEST(KvCache, GivesBlocksAndTakesThemBack) {
  KvCache cache(test::tiny_gqa(), 4 * kBlock, Precision::f32);
  ASSERT_EQ(cache.num_blocks(), 4);
  {
    KvSequence a(cache), b(cache);
    EXPECT_TRUE(a.extend(kBlock));
    EXPECT_EQ(cache.free_blocks(), 3);
    EXPECT_TRUE(a.extend(1));
    EXPECT_TRUE(b.extend(2 * kBlock));
    EXPECT_EQ(cache.free_blocks(), 0);
    a.truncate(kBlock);
    EXPECT_EQ(cache.free_blocks(), 1);
    EXPECT_EQ(a.length(), kBlock);
    b.truncate(kBlock + 1);  // the second block is still in use
    EXPECT_EQ(cache.free_blocks(), 1);
  }
  EXPECT_EQ(cache.free_blocks(), 4);
}

TEST(KvCache, RoundsTheNumberOfTokensUpToBlocks) {
  EXPECT_EQ(KvCache(test::tiny_gqa(), 1, Precision::f32).num_blocks(), 1);
  EXPECT_EQ(KvCache(test::tiny_gqa(), kBlock + 1, Precision::f32).num_blocks(), 2);
}

TEST(KvCache, WhenExhaustedNothingChanges) {
  KvCache cache(test::tiny_gqa(), 2 * kBlock, Precision::f32);
  KvSequence a(cache), b(cache);
  ASSERT_TRUE(a.extend(10));
  EXPECT_FALSE(b.extend(kBlock + 1));
  EXPECT_EQ(b.length(), 0);
  EXPECT_EQ(cache.free_blocks(), 1);
  EXPECT_TRUE(b.extend(kBlock));
  EXPECT_FALSE(a.extend(kBlock));
  EXPECT_EQ(a.length(), 10);
  EXPECT_TRUE(a.extend(kBlock - 10));  // the rest of its own block
}

TEST(KvCache, KeepsWhatIsWrittenByLayerRowAndColumn) {
  for (Precision precision : test::kPrecisions) {
    const ModelConfig config = test::tiny_gqa();
    KvCache cache(config, 4 * kBlock, precision);
    KvSequence a(cache), b(cache);
    const int64_t width = config.cache_width(), length = kBlock + 7, left = 5;
    const Tensor rows = test::random_tensor({2 * config.layers * length, width}, 1);
    for (int64_t s = 0; s < 2; ++s) {
      KvSequence& sequence = s == 0 ? a : b;
      for (int64_t first : {int64_t{0}, kBlock - 3}) {  // in two goes, the second across a border
        const int64_t count = first == 0 ? kBlock - 3 : 10;
        ASSERT_TRUE(sequence.extend(count));
        for (int64_t layer = 0; layer < config.layers; ++layer) {
          const float* from = rows.row((s * config.layers + layer) * length + first);
          sequence.write(layer, first, count, from, width, 0, left);
          sequence.write(layer, first, count, from + left, width, left, width - left);
        }
      }
    }
    for (int64_t s = 0; s < 2; ++s)
      for (int64_t layer = 0; layer < config.layers; ++layer) {
        const KvRows found = (s == 0 ? a : b).rows(layer);
        ASSERT_EQ(found.length, length);
        ASSERT_EQ(found.is_bf16, precision == Precision::bf16);
        for (int64_t r = 0; r < length; ++r)
          for (int64_t c = 0; c < width; ++c) {
            const float value = rows.row((s * config.layers + layer) * length + r)[c];
            ASSERT_EQ(stored(found, r, c), precision == Precision::f32 ? value : static_cast<float>(Bf16(value))) << s << layer << r << c;
          }
      }
  }
}

TEST(KvCache, BytesPerToken) {
  const ModelConfig mla = test::tiny_deepseek(true), gqa = test::tiny_gqa();
  EXPECT_EQ(KvCache::bytes_per_token(mla, Precision::bf16), 3 * (24 + 8) * 2);
  EXPECT_EQ(KvCache::bytes_per_token(gqa, Precision::f32), 2 * (2 * 2 * 12) * 4);
}

}  // namespace
}  // namespace hadal
