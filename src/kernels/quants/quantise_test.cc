#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/half.h"
#include "base/rng.h"
#include "kernels/quant.h"

namespace hadal {
namespace {

constexpr QuantType kWritten[] = {QuantType::q8_0, QuantType::q4_0, QuantType::q5_0, QuantType::q5_1,
                                  QuantType::q4_k, QuantType::q5_k, QuantType::q6_k};

std::vector<float> there_and_back(QuantType type, const std::vector<float>& x) {
  QuantMatrix m{.type = type, .rows = 1, .cols = static_cast<int64_t>(x.size())};
  std::vector<std::byte> bytes(static_cast<size_t>(m.row_bytes()));
  quantise_row(type, x.data(), m.cols, bytes.data());
  m.data = bytes.data();
  std::vector<float> y(x.size());
  dequantise_row(m, 0, y.data());
  return y;
}

double relative_error(const std::vector<float>& x, const std::vector<float>& y) {
  double error = 0, size = 0;
  for (size_t i = 0; i < x.size(); ++i) error += std::pow(x[i] - y[i], 2), size += std::pow(x[i], 2);
  return std::sqrt(error / size);
}

// Blocks of 32 with the scale that reaches the largest number, `bits` bits a number, nothing searched.
double naive_error(const std::vector<float>& x, int bits) {
  std::vector<float> y(x.size());
  const auto top = static_cast<float>((1 << (bits - 1)) - 1);
  for (size_t b = 0; b < x.size(); b += 32) {
    float largest = 0;
    for (size_t i = b; i < b + 32; ++i) largest = std::max(largest, std::fabs(x[i]));
    for (size_t i = b; i < b + 32; ++i) y[i] = std::round(x[i] / largest * top) * largest / top;
  }
  return relative_error(x, y);
}

std::vector<float> normal_numbers(size_t n, float spread) {
  Rng rng(11);
  std::vector<float> x(n);
  for (float& v : x) v = spread * rng.normal();
  return x;
}

TEST(Quantise, BeatsTheNaiveScale) {
  const auto x = normal_numbers(256 * 40, 0.02f);
  const struct {
    QuantType type;
    int bits;
  } cases[] = {{QuantType::q8_0, 8}, {QuantType::q4_0, 4}, {QuantType::q5_0, 5}, {QuantType::q5_1, 5},
               {QuantType::q4_k, 4}, {QuantType::q5_k, 5}, {QuantType::q6_k, 6}};
  for (const auto& c : cases) {
    const double error = relative_error(x, there_and_back(c.type, x)), naive = naive_error(x, c.bits);
    EXPECT_LT(error, c.type == QuantType::q8_0 ? 1.05 * naive : 0.95 * naive) << quant_format(c.type).name;
  }
}

TEST(Quantise, KeepsWhatBlocksCanSay) {
  for (const QuantType type : kWritten) {
    EXPECT_TRUE(can_quantise(type));
    for (const float value : {0.0f, 1.0f, -1.0f}) {
      const std::vector<float> x(256, value);
      for (const float y : there_and_back(type, x)) ASSERT_NEAR(y, value, 2e-2) << quant_format(type).name;
    }
    // Extremes: nothing overflows into infinity or NaN.
    std::vector<float> x = normal_numbers(256, 1);
    x[7] = 3e5f, x[100] = -3e5f, x[200] = 1e-30f;
    for (const float y : there_and_back(type, x)) ASSERT_TRUE(std::isfinite(y)) << quant_format(type).name;
  }
  EXPECT_FALSE(can_quantise(QuantType::q2_k));
}

// One-sided numbers far from zero: what minima are for.
TEST(Quantise, MinimaServeShiftedNumbers) {
  std::vector<float> x = normal_numbers(256 * 8, 0.1f);
  for (float& v : x) v -= 1.0f;
  EXPECT_LT(relative_error(x, there_and_back(QuantType::q4_k, x)),
            0.5 * relative_error(x, there_and_back(QuantType::q4_0, x)));
}

TEST(Quantise, HalvesAreRoundedToTheNearest) {
  for (int bits = 0; bits < 0x7c00; ++bits) {
    const float here = half_to_float(static_cast<uint16_t>(bits));
    ASSERT_EQ(float_to_half(here), bits);
    ASSERT_EQ(float_to_half(-here), bits | 0x8000);
    if (bits + 1 < 0x7c00) {
      const float next = half_to_float(static_cast<uint16_t>(bits + 1)), middle = here + (next - here) / 2;
      ASSERT_EQ(float_to_half(middle), bits % 2 == 0 ? bits : bits + 1);  // ties to even
      ASSERT_EQ(float_to_half(std::nextafter(middle, 1e9f)), bits + 1);
    }
  }
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(INFINITY), 0x7c00);
  EXPECT_GT(float_to_half(NAN), 0x7c00);
}

}  // namespace
}  // namespace hadal
