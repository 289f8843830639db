// The definition of quantised blocks, on blocks written by hand after ggml-common.h and ggml-quants.c.
#include "kernels/quant.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/half.h"

namespace hadal {
namespace {

struct Block {
  std::vector<uint8_t> bytes;
  Block& half(float x) {
    const uint16_t bits = float_to_half(x);
    return put({static_cast<uint8_t>(bits), static_cast<uint8_t>(bits >> 8)});
  }
  Block& put(std::initializer_list<int> list) {
    for (const int b : list) bytes.push_back(static_cast<uint8_t>(b));
    return *this;
  }
  Block& fill(size_t count, int value) {
    bytes.insert(bytes.end(), count, static_cast<uint8_t>(value));
    return *this;
  }
};

std::vector<float> values_of(QuantType type, const Block& block) {
  const QuantFormat& format = quant_format(type);
  EXPECT_EQ(static_cast<int64_t>(block.bytes.size()), format.block_bytes) << format.name;
  std::vector<float> out(static_cast<size_t>(format.block_weights));
  dequantise_row({type, reinterpret_cast<const std::byte*>(block.bytes.data()), 1, format.block_weights}, 0,
                 out.data());
  return out;
}

TEST(Quant, NamesAreKnownBothWays) {
  for (int i = 0; i < kNumQuantTypes; ++i) {
    const auto type = static_cast<QuantType>(i);
    EXPECT_EQ(quant_type_named(quant_format(type).name), type) << quant_format(type).name;
  }
  EXPECT_FALSE(quant_type_named("Q4_k"));
  EXPECT_FALSE(quant_type_named(""));
}

TEST(Quant, BlocksOf32) {
  // d * (code - bias) + m: the low nibble of byte i is weight i, the high one weight i + 16.
  const auto q4_0 = values_of(QuantType::q4_0, Block().half(0.5f).put({0x1f}).fill(15, 0x88));
  EXPECT_EQ(q4_0[0], 3.5f);
  EXPECT_EQ(q4_0[16], -3.5f);
  EXPECT_EQ(q4_0[1], 0.0f);
  const auto q4_1 = values_of(QuantType::q4_1, Block().half(0.5f).half(-2).fill(15, 0x00).put({0xf2}));
  EXPECT_EQ(q4_1[0], -2.0f);
  EXPECT_EQ(q4_1[15], -1.0f);
  EXPECT_EQ(q4_1[31], 5.5f);
  // Fifth bits: bit i of the word belongs to weight i.
  const auto q5_0 = values_of(QuantType::q5_0, Block().half(1).put({0x01, 0, 0x02, 0}).fill(16, 0x00));
  EXPECT_EQ(q5_0[0], 0.0f);
  EXPECT_EQ(q5_0[17], 0.0f);
  EXPECT_EQ(q5_0[1], -16.0f);
  const auto q5_1 = values_of(QuantType::q5_1, Block().half(2).half(1).put({0, 0, 0, 0x80}).fill(15, 0).put({0x30}));
  EXPECT_EQ(q5_1[31], 2.0f * (16 + 3) + 1);
  EXPECT_EQ(q5_1[30], 1.0f);
  const auto q8_0 = values_of(QuantType::q8_0, Block().half(0.25f).put({-128, 127}).fill(30, 0));
  EXPECT_EQ(q8_0[0], -32.0f);
  EXPECT_EQ(q8_0[1], 31.75f);
  const auto iq4 = values_of(QuantType::iq4_nl, Block().half(1).put({0xf0}).fill(15, 0x88));
  EXPECT_EQ(iq4[0], -127.0f);
  EXPECT_EQ(iq4[16], 113.0f);
  EXPECT_EQ(iq4[5], 1.0f);
}

TEST(Quant, BlocksOf256) {
  // Q4_K: d, dmin, 12 bytes of scales and minima, nibbles. Scale 3 for group 0, minimum 2; all others 0.
  const auto q4_k =
      values_of(QuantType::q4_k, Block().half(0.5f).half(0.25f).put({3, 0, 0, 0, 2}).fill(7, 0).fill(128, 0xa5));
  EXPECT_EQ(q4_k[0], 0.5f * 3 * 5 - 0.25f * 2);
  EXPECT_EQ(q4_k[32], 0.0f);
  // Group 7: its scale and minimum have the low bits in byte 11 and the upper ones in bytes 3 and 7.
  const auto last = values_of(
      QuantType::q4_k, Block().half(1).half(1).put({0, 0, 0, 0x40, 0, 0, 0, 0x80, 0, 0, 0, 0x21}).fill(128, 0x30));
  EXPECT_EQ(last[255], (16 + 1) * 3.0f - (32 + 2));
  EXPECT_EQ(last[191], 0.0f);
  // Q6_K: 128 bytes of low nibbles, 64 of two upper bits, 16 signed scales, d.
  Block six;
  six.fill(128, 0x00).fill(64, 0xc0).put({-2}).fill(15, 1).half(0.5f);
  const auto q6_k = values_of(QuantType::q6_k, six);
  EXPECT_EQ(q6_k[0], 0.5f * -2 * -32);
  EXPECT_EQ(q6_k[96], 0.5f * (48 - 32));  // the two bits of the last quarter
  EXPECT_EQ(q6_k[95], 0.5f * -32);
  // Q2_K: 16 bytes of scale | minimum << 4, two bits a weight, d, dmin.
  const auto q2_k = values_of(QuantType::q2_k, Block().put({0x32}).fill(15, 0x01).fill(64, 0xe4).half(2).half(0.5f));
  EXPECT_EQ(q2_k[0], 2.0f * 2 * 0 - 0.5f * 3);
  EXPECT_EQ(q2_k[32], 2.0f * 1);
  EXPECT_EQ(q2_k[96], 2.0f * 3);
  // Q3_K: 32 bytes of high bits (clear: minus 4), two bits a weight, 12 bytes of scales (minus 32), d.
  const auto q3_k = values_of(QuantType::q3_k, Block().fill(32, 0x01).fill(64, 0x03).fill(12, 0x00).half(1));
  EXPECT_EQ(q3_k[0], -32.0f * 3);
  EXPECT_EQ(q3_k[32], -32.0f * -4);
}

TEST(Quant, HalvesAndRanges) {
  Block b;
  for (int i = 0; i < 6; ++i) b.half(static_cast<float>(i) - 2.5f);
  const QuantMatrix m{QuantType::f16, reinterpret_cast<const std::byte*>(b.bytes.data()), 3, 2};
  EXPECT_EQ(m.row_bytes(), 4);
  EXPECT_EQ(m.bytes(), 12);
  float out[2];
  dequantise_row(m.row_range(1, 2), 1, out);
  EXPECT_EQ(out[0], 1.5f);
  EXPECT_EQ(out[1], 2.5f);
}

TEST(Quant, Fp8HasAScaleForEachSquare) {
  // Two matrices of 130 rows in a stack, 200 columns: 2 x 2 squares each. 0x38 is 1.0, 0x7f NaN, 0x01 the least.
  std::vector<std::byte> bytes(260 * 200, std::byte{0x38});
  bytes[0] = std::byte{0xb8}, bytes[1] = std::byte{0x7f}, bytes[2] = std::byte{0x01}, bytes[3] = std::byte{0x7e};
  const float scales[] = {1, 2, 3, 4, 5, 6, 7, 8};
  QuantMatrix m{QuantType::fp8_e4m3, bytes.data(), 260, 200};
  m.scales = scales, m.stack_rows = 130;
  std::vector<float> out(200);
  dequantise_row(m, 0, out.data());
  EXPECT_EQ(out[0], -1.0f);
  EXPECT_TRUE(std::isnan(out[1]));
  EXPECT_EQ(out[2], 0x1p-9f);
  EXPECT_EQ(out[3], 448.0f);
  EXPECT_EQ(out[128], 2.0f);
  struct {
    int64_t row;
    float left, right;
  } const rows[] = {{127, 1, 2}, {128, 3, 4}, {129, 3, 4}, {130, 5, 6}, {257, 5, 6}, {258, 7, 8}};
  for (const auto& r : rows) {
    dequantise_row(m.row_range(r.row, 1), 0, out.data());
    EXPECT_EQ(out[127], r.left) << r.row;
    EXPECT_EQ(out[199], r.right) << r.row;
  }
}

}  // namespace
}  // namespace hadal
