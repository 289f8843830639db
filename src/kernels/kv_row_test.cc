#include "kernels/kv_row.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace hadal {
namespace {

TEST(KvRow, NamesAndSizes) {
  for (const KvType type : {KvType::f32, KvType::bf16, KvType::q8}) EXPECT_EQ(kv_type_named(kv_type_name(type)), type);
  EXPECT_FALSE(kv_type_named("q4"));
  EXPECT_EQ(kv_type_of(Precision::f32), KvType::f32);
  EXPECT_EQ(kv_type_of(Precision::bf16), KvType::bf16);
  struct {
    KvType type;
    int64_t width, block, bytes;
  } const sizes[] = {{KvType::f32, 24, 32, 96},
                     {KvType::bf16, 24, 32, 48},
                     {KvType::q8, 64, 32, 68},
                     {KvType::q8, 96, 16, 108},
                     {KvType::q8, 15, 5, 22}};  // the last padded to whole bf16
  for (const auto& s : sizes) EXPECT_EQ((KvRow{s.type, s.width, s.block}.bytes()), s.bytes) << s.width;
}

TEST(KvRow, ColumnsAreReadAsWritten) {
  Rng rng(1);
  std::vector<float> x(64);
  for (float& v : x) v = rng.normal();
  for (const KvType type : {KvType::f32, KvType::bf16}) {
    const KvRow row{type, 64};
    std::vector<std::byte> memory(static_cast<size_t>(row.bytes()));
    row.write(x.data(), 0, 40, memory.data());
    row.write(x.data() + 40, 40, 24, memory.data());
    for (int64_t c = 0; c < 64; ++c) {
      const float value = x[static_cast<size_t>(c)];
      const void* at = row.at(memory.data(), c);
      if (type == KvType::f32)
        EXPECT_EQ(*static_cast<const float*>(at), value) << c;
      else
        EXPECT_EQ(static_cast<const Bf16*>(at)->bits, Bf16(value).bits) << c;
    }
  }
}

TEST(KvRow, EightBitsAreWithinHalfAScaleAndIndependentOfOtherBlocks) {
  Rng rng(2);
  const KvRow row{KvType::q8, 96};
  std::vector<float> x(96), whole(96), part(32);
  for (float& v : x) v = rng.normal();
  x[40] = 50;  // an outlier coarsens its own block alone
  std::vector<std::byte> memory(static_cast<size_t>(row.bytes())), pieces = memory;
  row.write(x.data(), 0, 96, memory.data());
  for (const int64_t c : {64, 0, 32}) row.write(x.data() + c, c, 32, pieces.data());
  EXPECT_EQ(memory, pieces);
  row.read(memory.data(), 0, 96, whole.data());
  for (size_t b = 0; b < 3; ++b) {
    float largest = 0;
    for (size_t i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(x[32 * b + i]));
    for (size_t i = 0; i < 32; ++i)
      EXPECT_LE(std::fabs(whole[32 * b + i] - x[32 * b + i]), largest / 127 * 0.51f) << 32 * b + i;
  }
  row.read(memory.data(), 32, 32, part.data());
  EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 32));
  std::vector<Bf16> rounded(32);
  row.read(memory.data(), 32, 32, rounded.data());
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ(rounded[i].bits, Bf16(part[i]).bits) << i;
}

TEST(KvRowDeathTest, PartsOfABlockAreRefused) {
  const KvRow row{KvType::q8, 64};
  std::vector<std::byte> memory(static_cast<size_t>(row.bytes()));
  const std::vector<float> x(64);
  EXPECT_DEATH(row.write(x.data(), 16, 32, memory.data()), "share a block of 32");
}

}  // namespace
}  // namespace hadal
