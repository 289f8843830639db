// Products with quantised matrices against the plain product of their values.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <vector>

#include "base/rng.h"
#include "kernels/cpu.h"
#include "kernels/gemm.h"
#include "kernels/levels/amx_emulator.h"

namespace hadal {
namespace {

// Random codes (or all bytes `fill`), with scales of moderate size wherever the type keeps an f16.
std::vector<std::byte> random_blocks(Rng& rng, QuantType type, int64_t rows, int64_t cols,
                                     std::optional<int> fill = {}) {
  QuantMatrix m{.type = type, .rows = rows, .cols = cols};
  std::vector<std::byte> bytes(static_cast<size_t>(m.bytes()));
  for (auto& b : bytes) b = static_cast<std::byte>(fill ? static_cast<uint64_t>(*fill) : rng.next() & 255);
  const QuantFormat& format = quant_format(type);
  if (format.block_weights == 1) {  // f16: any but infinities and NaN
    for (size_t i = 1; i < bytes.size(); i += 2) bytes[i] = static_cast<std::byte>(static_cast<int>(bytes[i]) & 0xbb);
    return bytes;
  }
  std::vector<int64_t> halves = {0};
  switch (type) {
    case QuantType::q2_k:
      halves = {80, 82};
      break;
    case QuantType::q3_k:
      halves = {108};
      break;
    case QuantType::q6_k:
      halves = {208};
      break;
    case QuantType::q4_1:
    case QuantType::q5_1:
    case QuantType::q4_k:
    case QuantType::q5_k:
      halves = {0, 2};
      break;
    default:
      break;
  }
  for (int64_t at = 0; at < m.bytes(); at += format.block_bytes)
    for (const int64_t h : halves) {  // 2^-9 to 2^-7
      const auto bits = static_cast<uint16_t>((6 + (rng.next() & 1)) << 10 | (rng.next() & 0x83ff));
      bytes[static_cast<size_t>(at + h)] = static_cast<std::byte>(bits & 255);
      bytes[static_cast<size_t>(at + h + 1)] = static_cast<std::byte>(bits >> 8);
    }
  return bytes;
}

struct Case {
  int64_t m, n, k;
};

class QuantGemm : public testing::TestWithParam<std::tuple<CpuLevel, int>> {
 protected:
  void SetUp() override { force_cpu_level(std::get<0>(GetParam())); }
  void TearDown() override { force_cpu_level(cpu_levels_present().back()); }
  QuantType type() const { return static_cast<QuantType>(std::get<1>(GetParam())); }
  ThreadPool pool_{2};
};

double relative_error(const std::vector<float>& found, const std::vector<float>& expected) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    difference += std::pow(double{found[i]} - expected[i], 2);
    size += std::pow(double{expected[i]}, 2);
  }
  return std::sqrt(difference / size);
}

// Exact arithmetic on the values in f32; rows of A rounded to 8 bits, or both sides to bf16, otherwise.
TEST_P(QuantGemm, AgreesWithThePlainProduct) {
  const int64_t unit = std::max<int64_t>(quant_format(type()).block_weights, 32);
  for (const Case& c : {Case{1, 7, unit}, Case{2, 33, 3 * unit}, Case{3, 40, 5 * 256}, Case{4, 32, unit},
                        Case{5, 70, 768}, Case{9, 31, 2 * unit}, Case{33, 65, 1280}, Case{64, 16, 9 * unit}}) {
    Rng rng(7, static_cast<uint64_t>(c.m));
    const auto bytes = random_blocks(rng, type(), c.n, c.k);
    std::vector<float> a(static_cast<size_t>(c.m * (c.k + 3))), exact(static_cast<size_t>(c.m * c.n)),
        found(exact.size());
    for (float& x : a) x = rng.normal();
    for (const bool accumulate : {false, true}) {
      Product p;
      p.a = MatrixView(a.data(), c.m, c.k, c.k + 3);
      p.quant = {.type = type(), .data = bytes.data(), .rows = c.n, .cols = c.k};
      p.c_stride = c.n;
      p.accumulate = accumulate;
      for (auto* out : {&exact, &found}) std::fill(out->begin(), out->end(), 0.5f);
      p.c = exact.data();
      gemm_plain(p, Precision::f32);
      p.c = found.data();
      gemm({&p, 1}, Precision::f32, pool_);
      EXPECT_LT(relative_error(found, exact), 2e-6) << c.m << " " << c.n << " " << c.k;
      std::fill(found.begin(), found.end(), 0.5f);
      gemm({&p, 1}, Precision::bf16, pool_);
      EXPECT_LT(relative_error(found, exact), 0.02) << c.m << " " << c.n << " " << c.k;
    }
  }
}

// The largest codes times the largest rounded numbers fit the integers that they are added in.
TEST_P(QuantGemm, LargestNumbersDoNotOverflow) {
  const int64_t n = 19, k = 512;
  for (const int64_t m : {2, 11, 18}) {
    for (const int fill : {0xff, 0x80, 0x7f}) {
      Rng rng(13, 0);
      const auto bytes = random_blocks(rng, type(), n, k, fill);
      std::vector<float> a(static_cast<size_t>(m * k)), exact(static_cast<size_t>(m * n)), found(exact.size());
      for (size_t i = 0; i < a.size(); ++i) a[i] = i / static_cast<size_t>(k) % 2 ? -1.0f : 1.0f;
      Product p;
      p.a = MatrixView(a.data(), m, k, k);
      p.quant = {.type = type(), .data = bytes.data(), .rows = n, .cols = k};
      p.c_stride = n;
      p.c = exact.data();
      gemm_plain(p, Precision::f32);
      p.c = found.data();
      gemm({&p, 1}, Precision::bf16, pool_);
      EXPECT_LT(relative_error(found, exact), 0.005) << m << " " << fill;
    }
  }
}

// A row's result does not depend on the rows beside it (as long as these are many, or few), nor on the threads.
TEST_P(QuantGemm, RowsAreIndependent) {
  const int64_t n = 48, k = 512, m = 40;
  Rng rng(11, 0);
  const auto bytes = random_blocks(rng, type(), n, k);
  std::vector<float> a(static_cast<size_t>(m * k)), whole(static_cast<size_t>(m * n)), alone(static_cast<size_t>(n));
  for (float& x : a) x = rng.normal();
  auto multiply = [&](int64_t first, int64_t rows, float* c, ThreadPool& pool) {
    Product p;
    p.a = MatrixView(a.data() + first * k, rows, k, k);
    p.quant = {.type = type(), .data = bytes.data(), .rows = n, .cols = k};
    p.c = c;
    p.c_stride = n;
    gemm({&p, 1}, Precision::bf16, pool);
  };
  multiply(0, m, whole.data(), pool_);
  ThreadPool one(1);
  std::vector<float> part(static_cast<size_t>(20 * n));
  multiply(3, 20, part.data(), one);
  EXPECT_EQ(std::vector<float>(whole.begin() + 3 * n, whole.begin() + 23 * n), part);
}

// Nor does an output depend on the rows of W beside its own: not even on scales that are no numbers, behind a row that
// ends within a super-block.
TEST_P(QuantGemm, RowsOfWAreIndependent) {
  const int64_t n = 34, k = 5 * std::max<int64_t>(quant_format(type()).block_weights, 32),
                row_bytes = QuantMatrix{.type = type(), .rows = 1, .cols = k}.bytes();
  for (const int64_t m : {1, 3, 6, 20}) {
    Rng rng(17, 0);
    auto bytes = random_blocks(rng, type(), n, k);
    std::vector<float> a(static_cast<size_t>(m * k)), calm(static_cast<size_t>(m * n)), beside_wild(calm.size());
    for (float& x : a) x = rng.normal();
    const auto multiply = [&](float* c) {
      Product p;
      p.a = MatrixView(a.data(), m, k, k);
      p.quant = {.type = type(), .data = bytes.data(), .rows = n, .cols = k};
      p.c = c;
      p.c_stride = n;
      gemm({&p, 1}, Precision::bf16, pool_);
    };
    multiply(calm.data());
    for (int64_t row = 1; row < n; row += 2) std::fill_n(bytes.begin() + row * row_bytes, row_bytes, std::byte{0xff});
    multiply(beside_wild.data());
    for (int64_t i = 0; i < m * n; i += 2)
      EXPECT_EQ(beside_wild[static_cast<size_t>(i)], calm[static_cast<size_t>(i)]) << m << " " << i;
  }
}

std::string name_of(const testing::TestParamInfo<std::tuple<CpuLevel, int>>& info) {
  return std::string(cpu_level_name(std::get<0>(info.param))) + "_" +
         std::string(quant_format(static_cast<QuantType>(std::get<1>(info.param))).name);
}
// fp8 has factors beside its bytes: the model's tests have it.
INSTANTIATE_TEST_SUITE_P(Levels, QuantGemm,
                         testing::Combine(testing::ValuesIn(cpu_levels_to_test()),
                                          testing::Range(0, kNumQuantTypes - 1)),
                         name_of);

}  // namespace
}  // namespace hadal
