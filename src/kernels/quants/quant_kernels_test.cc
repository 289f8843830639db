// The parts of quant_kernels.h on their own: rows rounded to int8, and panels of dequantised weights.
#include "kernels/quants/quant_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/bf16.h"
#include "base/rng.h"
#include "kernels/levels/cpu_features.h"
#include "kernels/levels/level.h"

namespace hadal::kernels {
namespace {

#if defined(__x86_64__)

// RoundedRows with memory, as quant_gemm.cc places it.
struct Rounded {
  std::vector<int8_t> q, halves;
  std::vector<float> factors, sum16;
  std::vector<int32_t> isum32, isum16;
  RoundedRows rows{};

  Rounded(int64_t count, int64_t k) {
    const auto n = static_cast<size_t>(count * k);
    q.assign(n, 99), halves.assign(n, 99), factors.assign(n / 16, 99.0f), sum16.assign(n / 16, 99.0f);
    isum32.assign(n / 32, 99), isum16.assign(n / 16, 99);
    rows = {q.data(), halves.data(), factors.data(), sum16.data(), isum32.data(), isum16.data(), k};
  }
};

void check_rounding(const QuantKernels& level, bool has_halves) {
  Rng rng(1);
  for (const int64_t n : {32, 256, 288, 500, 512}) {
    const int64_t k = (n + kSuper - 1) / kSuper * kSuper;
    Rounded r(2, k);
    for (int64_t row = 0; row < 2; ++row) {
      std::vector<float> x(static_cast<size_t>(n));
      for (float& v : x) v = rng.normal() * 3;
      for (size_t i = 0; i < 32; ++i) x[i] *= row ? 0.0f : 1.0f;  // a group of zeros
      level.round_row(x.data(), n, r.rows, row);
      for (int64_t g = 0; g < k / kGroup; ++g) {
        float largest = 0;
        int sums[2] = {};
        for (int64_t i = 0; i < 32; ++i) {
          const int64_t at = g * 32 + i;
          const float value = at < n ? x[static_cast<size_t>(at)] : 0;
          const int q = r.q[static_cast<size_t>(row * k + at)];
          largest = std::max(largest, std::fabs(value));
          sums[i / 16] += q;
          const float d = *r.rows.factor(row, g);
          ASSERT_LE(std::fabs(d * static_cast<float>(q) - value), d * 0.501f) << at << " of " << n;
          const int64_t half = row * k + g / 8 * 256 + g % 2 * 128 + i / 16 * 64 + g % 8 / 2 * 16 + i % 16;
          if (has_halves) ASSERT_EQ(r.halves[static_cast<size_t>(half)], q) << at << " of " << n;
        }
        const float d = *r.rows.factor(row, g);
        const auto group = static_cast<size_t>(row * k / 32 + g);
        EXPECT_NEAR(d, largest / 127, largest * 1e-7f);
        EXPECT_EQ(r.rows.factor(row, g)[8], d * static_cast<float>(sums[0] + sums[1])) << g;
        EXPECT_EQ(r.isum32[group], -(sums[0] + sums[1])) << g;
        for (size_t h = 0; h < 2; ++h) {
          EXPECT_EQ(r.isum16[2 * group + h], -sums[h]) << g;
          EXPECT_EQ(r.sum16[2 * group + h], d * static_cast<float>(sums[h])) << g;
        }
      }
    }
  }
}

TEST(QuantKernels, RowsAreRoundedInBlocksOf32) {
  if (cpu_features().avx2) check_rounding(quant_avx2(), false);
  if (cpu_features().avx512_vnni) check_rounding(quant_avx512_vnni(), true);
}

TEST(QuantKernels, PanelsHoldTheValuesRoundedToBf16) {
  if (!cpu_features().avx512 || !__builtin_cpu_supports("avx512bf16")) GTEST_SKIP() << "no AVX-512 with bf16";
  Rng rng(2);
  for (const QuantType type : {QuantType::q8_0, QuantType::q4_0, QuantType::q5_0, QuantType::q5_1, QuantType::q4_k,
                               QuantType::q5_k, QuantType::q6_k})
    for (const int64_t cols : {256, 512, 768})
      for (const int64_t rows : {1, 16, 17, 32}) {
        std::vector<float> x(static_cast<size_t>(cols));
        QuantMatrix w{type, nullptr, rows, cols};
        std::vector<std::byte> bytes(static_cast<size_t>(w.bytes()));
        for (int64_t r = 0; r < rows; ++r) {
          for (float& v : x) v = rng.normal();
          quantise_row(type, x.data(), cols, bytes.data() + r * w.row_bytes());
        }
        w.data = bytes.data();
        const int64_t first = cols > 256 ? 256 : 0, count = cols - first;
        std::vector<Bf16> panel(static_cast<size_t>(count * kPanel), Bf16(99));
        quant_panel_bf16(w, first, count, panel.data());
        for (int64_t r = 0; r < kPanel; ++r) {
          if (r < rows) dequantise_row(w, r, x.data());
          for (int64_t i = 0; i < count; ++i) {
            const float expected = r < rows ? x[static_cast<size_t>(first + i)] : 0;
            const float found = static_cast<float>(panel[static_cast<size_t>(i / 2 * 2 * kPanel + 2 * r + i % 2)]);
            // Half a unit of bf16, and the rounding of scale * (256 + u) + offset.
            ASSERT_NEAR(found, expected, std::fabs(expected) * 0x1p-8f + 2e-4f)
                << quant_format(type).name << ", row " << r << " of " << rows << ", column " << first + i;
          }
        }
      }
}

#endif

}  // namespace
}  // namespace hadal::kernels
