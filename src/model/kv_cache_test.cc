#include "model/kv_cache.h"

#include "model/testing/tiny_models.h"

namespace hadal {
namespace {

constexpr int64_t kBlock = KvCache::kBlockTokens;

float stored(const KvRows& rows, int64_t at, int64_t column) {
  const StoredRows part = rows.columns(column / rows.row.width * rows.row.width, rows.row.width);
  const std::byte* row = part.row_at(at);
  column %= rows.row.width;
  if (rows.row.type == KvType::f32) return *static_cast<const float*>(rows.row.at(row, column));
  if (rows.row.type == KvType::bf16) return static_cast<float>(*static_cast<const Bf16*>(rows.row.at(row, column)));
  std::vector<float> block(static_cast<size_t>(rows.row.block));
  rows.row.read(row, column / rows.row.block * rows.row.block, rows.row.block, block.data());
  return block[static_cast<size_t>(column % rows.row.block)];
}

// Half a scale, which is the 127th part of the largest number of its block, and what bf16 adds to that.
float most_off(const KvRow& row, const float* x, int64_t column) {
  float top = 0;
  for (int64_t i = 0; i < row.block; ++i) top = std::max(top, std::abs(x[column / row.block * row.block + i]));
  return top / 127 * 0.5f * 1.005f;
}

TEST(KvCache, GivesBlocksAndTakesThemBack) {
  KvCache cache(test::tiny_gqa(), 4 * kBlock, KvType::f32);
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
  EXPECT_EQ(KvCache(test::tiny_gqa(), 1, KvType::f32).num_blocks(), 1);
  EXPECT_EQ(KvCache(test::tiny_gqa(), kBlock + 1, KvType::f32).num_blocks(), 2);
}

// Rows of a page follow each other in memory, of each part; so a long sequence is read in runs.
TEST(KvCache, ASequenceThatGrowsGetsNeighbours) {
  constexpr int64_t kPage = kBlock * KvCache::kPageBlocks;
  KvCache cache(test::tiny_gqa(), 3 * kPage, KvType::f32);
  const auto is_run = [](const KvRows& rows, int64_t first, int64_t count) {
    const StoredRows part = rows.columns(rows.row.width, rows.row.width);
    return part.row_at(first + count - 1) - part.row_at(first) == (count - 1) * rows.row.bytes();
  };
  KvSequence a(cache), b(cache);
  for (int64_t i = 0; i < kPage; i += kBlock) {  // by turns
    ASSERT_TRUE(a.extend(kBlock));
    ASSERT_TRUE(b.extend(kBlock));
  }
  EXPECT_TRUE(is_run(a.rows(1), 0, kPage));
  EXPECT_TRUE(is_run(b.rows(1), 0, kPage));
  // No page is whole any more: newcomers take the last one from behind, and who has begun it goes on in it.
  KvSequence c(cache), d(cache);
  ASSERT_TRUE(c.extend(1));
  ASSERT_TRUE(d.extend(1));
  ASSERT_TRUE(c.extend(2 * kBlock));
  EXPECT_TRUE(is_run(c.rows(0), 0, 2 * kBlock + 1));
  EXPECT_EQ(cache.free_blocks(), 0);
}

TEST(KvCache, WhenExhaustedNothingChanges) {
  KvCache cache(test::tiny_gqa(), 2 * kBlock, KvType::f32);
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
  for (const KvType type : {KvType::f32, KvType::bf16, KvType::q8}) {
    const ModelConfig config = test::tiny_gqa();
    KvCache cache(config, 4 * kBlock, type);
    KvSequence a(cache), b(cache);
    const int64_t width = config.cache_width(), length = kBlock + 7, left = 24;  // the keys
    const Tensor rows = test::random_tensor({2 * config.layers * length, width}, 1);
    for (int64_t s = 0; s < 2; ++s) {
      KvSequence& sequence = s == 0 ? a : b;
      for (int64_t first : {int64_t{0}, kBlock - 3}) {  // in two goes, the second across a border
        const int64_t count = first == 0 ? kBlock - 3 : 10;
        ASSERT_TRUE(sequence.extend(count));
        for (int64_t layer = 0; layer < config.layers; ++layer) {
          const int64_t from = (s * config.layers + layer) * length + first;
          const Tensor part = test::rows_of(rows, from, from + count);
          const KvRows to = sequence.rows(layer);
          const int32_t offsets[] = {0, static_cast<int32_t>(count)};
          const Context ctx = test::one_thread(Precision::f32);
          store_rows(ctx, columns(ctx, part, 1, 0, left), {&to, 1}, 0, offsets);
          store_rows(ctx, columns(ctx, part, 1, left, width - left), {&to, 1}, left, offsets);
        }
      }
    }
    for (int64_t s = 0; s < 2; ++s)
      for (int64_t layer = 0; layer < config.layers; ++layer) {
        const KvRows found = (s == 0 ? a : b).rows(layer);
        ASSERT_EQ(found.length, length);
        ASSERT_EQ(found.row.type, type);
        for (int64_t r = 0; r < length; ++r)
          for (int64_t c = 0; c < width; ++c) {
            const float* x = rows.row((s * config.layers + layer) * length + r);
            if (type == KvType::q8)
              ASSERT_NEAR(stored(found, r, c), x[c], most_off(found.row, x, c)) << s << layer << r << c;
            else
              ASSERT_EQ(stored(found, r, c), type == KvType::f32 ? x[c] : static_cast<float>(Bf16(x[c])))
                  << s << layer << r << c;
          }
      }
  }
}

// Writes one row of a layer, as forward() does.
void put(const KvSequence& sequence, int64_t layer, int64_t at, const float* row) {
  const KvRows rows = sequence.rows(layer);
  for (int64_t part = 0; part < 2 * 2; ++part) {  // keys and values of two heads
    const StoredRows stored = rows.columns(part * rows.row.width, rows.row.width);
    rows.row.write(row + part * rows.row.width, 0, rows.row.width, const_cast<std::byte*>(stored.row_at(at)));
  }
}

// Rows of one layer as they were given, at f32.
void expect_rows(const KvSequence& sequence, const Tensor& rows, int64_t begin, int64_t end) {
  for (int64_t at = begin; at < end; ++at)
    for (int64_t c = 0; c < rows.cols(); ++c)
      ASSERT_EQ(stored(sequence.rows(1), at, c), rows.row(at)[c]) << "row " << at << ", column " << c;
}

TEST(KvCache, SequencesThatBeginAlikeShareBlocks) {
  const ModelConfig config = test::tiny_gqa();
  KvCache cache(config, 6 * kBlock, KvType::f32);
  const int64_t width = config.cache_width(), length = 2 * kBlock + 20;
  const Tensor first = test::random_tensor({length + 30, width}, 1),
               second = test::random_tensor({length + 30, width}, 2);
  const auto write = [&](KvSequence& sequence, const Tensor& rows, int64_t begin, int64_t count) {
    ASSERT_TRUE(sequence.extend(count));
    for (int64_t at = begin; at < begin + count; ++at) put(sequence, 1, at, rows.row(at));
  };
  auto a = std::make_unique<KvSequence>(cache);
  write(*a, first, 0, length);
  KvSequence b(*a, length - 5);
  EXPECT_EQ(b.length(), length - 5);
  EXPECT_EQ(cache.free_blocks(), 3);
  EXPECT_EQ(a->own_blocks(), 0);
  EXPECT_EQ(b.own_blocks(), 0);

  write(b, second, length - 5, 10);  // takes a block of its own for what they no longer have in common
  EXPECT_EQ(cache.free_blocks(), 2);
  EXPECT_EQ(a->own_blocks(), 1);
  EXPECT_EQ(b.own_blocks(), 1);
  write(*a, first, length, 30);  // and so this one writes where it is
  EXPECT_EQ(cache.free_blocks(), 2);
  expect_rows(*a, first, 0, length + 30);
  expect_rows(b, first, 0, length - 5);
  expect_rows(b, second, length - 5, length + 5);

  a.reset();  // what is shared stays
  EXPECT_EQ(cache.free_blocks(), 3);
  EXPECT_EQ(b.own_blocks(), 3);
  expect_rows(b, first, 0, length - 5);
  const KvSequence whole(b, 2 * kBlock);
  b.truncate(kBlock + 7);
  EXPECT_EQ(cache.free_blocks(), 4);  // the third block came back; the second is the other's too
  write(b, second, kBlock + 7, 1);
  expect_rows(whole, first, 0, 2 * kBlock);
  expect_rows(b, first, 0, kBlock + 7);
}

TEST(KvCache, ACopyThatDoesNotFitChangesNothing) {
  KvCache cache(test::tiny_gqa(), 2 * kBlock, KvType::f32);
  KvSequence a(cache), other(cache);
  ASSERT_TRUE(a.extend(10));
  ASSERT_TRUE(other.extend(1));
  KvSequence b(a, 10);
  EXPECT_FALSE(b.extend(1));
  EXPECT_EQ(b.length(), 10);
  EXPECT_TRUE(b.extend(0));
  other.truncate(0);
  EXPECT_TRUE(b.extend(1));
  EXPECT_EQ(cache.free_blocks(), 0);
  EXPECT_TRUE(a.extend(kBlock - 10));
}

TEST(KvCache, BytesPerToken) {
  const ModelConfig mla = test::tiny_deepseek(true), gqa = test::tiny_gqa();
  EXPECT_EQ(KvCache::bytes_per_token(mla, KvType::bf16), 3 * (24 + 8) * 2);
  EXPECT_EQ(KvCache::bytes_per_token(gqa, KvType::f32), 2 * (2 * 2 * 12) * 4);
  // Blocks that fit: of 8 into a latent of 24 and a key of 8, of 12 into heads of 12, of 32 into what models have.
  EXPECT_EQ(KvCache::bytes_per_token(mla, KvType::q8), 3 * (24 + 8 + 4 * 2));
  EXPECT_EQ(KvCache::bytes_per_token(gqa, KvType::q8), 2 * (2 * 2 * 12 + 4 * 2));
  ModelConfig large = mla;
  large.kv_lora = 512, large.rope_dim = 64;
  EXPECT_EQ(KvCache::bytes_per_token(large, KvType::q8), 3 * (512 + 64 + 18 * 2));
  large.kv_lora = 17, large.rope_dim = 2;  // an odd row is filled up, so that scales stay aligned
  EXPECT_EQ(KvCache::bytes_per_token(large, KvType::q8), 3 * (19 + 1 + 19 * 2));
}

}  // namespace
}  // namespace hadal
