// Packing against the layouts that level.h describes, element by element.
#include <gtest/gtest.h>

#include <vector>

#include "base/bf16.h"
#include "base/rng.h"
#include "kernels/cpu.h"
#include "kernels/levels/amx_emulator.h"
#include "kernels/levels/level.h"
#include "kernels/levels/scratch.h"

namespace hadal::kernels {
namespace {

// [rows, cols], f32 or bf16, with rows or columns contiguous.
struct Input {
  std::vector<float> f32;
  std::vector<Bf16> bf16;
  Source source{};

  Input(int64_t rows, int64_t cols, bool is_bf16, bool transposed) {
    Rng rng(1);
    const int64_t stride = (transposed ? rows : cols) + 3, size = (transposed ? cols : rows) * stride;
    for (int64_t i = 0; i < size; ++i) {
      f32.push_back(rng.normal());
      bf16.push_back(Bf16(f32.back()));
    }
    source = {is_bf16 ? static_cast<const void*>(bf16.data()) : f32.data(), is_bf16, transposed ? 1 : stride,
              transposed ? stride : 1};
  }
  float at(int64_t r, int64_t c) const {
    const auto i = static_cast<size_t>(r * source.row_stride + c * source.col_stride);
    return source.is_bf16 ? static_cast<float>(bf16[i]) : f32[i];
  }
};

float rounded(float x) { return static_cast<float>(Bf16(x)); }
int64_t padded_to_unit(int64_t k) { return (k + kUnit - 1) / kUnit * kUnit; }

class Pack : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override { force_cpu_level(GetParam()); }
  void TearDown() override { force_cpu_level(cpu_levels_present().back()); }
};

TEST_P(Pack, PanelsOfB) {
  for (const int64_t k : {1, 2, 31, 32, 33, 300})
    for (const int64_t cols : {1, 7, 31, 32})
      for (const bool is_bf16 : {false, true})
        for (const bool transposed : {false, true})
          for (const bool to_bf16 : {false, true}) {
            constexpr int64_t kFirst = 2;  // of the columns of B
            const Input b(k, cols + kFirst, is_bf16, transposed);
            const int64_t depth = to_bf16 ? padded_to_unit(k) : k;
            std::vector<float> f32(static_cast<size_t>(depth * kPanel + 16), 99);
            std::vector<Bf16> bf16(static_cast<size_t>(depth * kPanel + 32), Bf16(99));
            gemm_kernels().pack_panel(b.source, k, kFirst, cols, to_bf16,
                                      to_bf16 ? static_cast<void*>(bf16.data()) : f32.data());
            for (int64_t i = 0; i < depth; ++i)
              for (int64_t j = 0; j < kPanel; ++j) {
                const float value = i < k && j < cols ? b.at(i, kFirst + j) : 0;
                const float expected = to_bf16 ? rounded(value) : value;
                const float found =
                    to_bf16 ? static_cast<float>(bf16[static_cast<size_t>(i / 2 * 2 * kPanel + 2 * j + i % 2)])
                            : f32[static_cast<size_t>(i * kPanel + j)];
                ASSERT_EQ(found, expected) << i << ", " << j << " of k " << k << ", " << cols << " columns, bf16 "
                                           << is_bf16 << to_bf16 << ", transposed " << transposed;
              }
            EXPECT_EQ(to_bf16 ? static_cast<float>(bf16[static_cast<size_t>(depth * kPanel)])
                              : f32[static_cast<size_t>(depth * kPanel)],
                      99)
                << "beyond the panel";
          }
}

TEST_P(Pack, BlocksOfA) {
  constexpr int64_t kFirst = 3;  // of the rows of A
  for (const int64_t rows : {1, 5, 32, 45})
    for (const int64_t k : {1, 31, 32, 70, 300})
      for (const bool is_bf16 : {false, true})
        for (const bool transposed : {false, true})
          for (const Format format : {Format::f32, Format::bf16, Format::f32_rounded_to_bf16, Format::bf16_tiles}) {
            const Input a(rows + kFirst, k, is_bf16, transposed);
            const int64_t padded = padded_to_unit(k), tiles = format == Format::bf16_tiles;
            const int64_t lda = tiles ? padded : padded + 16, lines = tiles ? (rows + 31) / 32 * 32 : rows;
            std::vector<float> f32(static_cast<size_t>(lines * lda), 99);
            std::vector<Bf16> bf16(static_cast<size_t>(lines * lda), Bf16(99));
            const bool to_bf16 = tiles || format == Format::bf16;
            gemm_kernels().pack_a(a.source, kFirst, rows, k, padded, format,
                                  to_bf16 ? static_cast<void*>(bf16.data()) : f32.data(), lda);
            for (int64_t r = 0; r < rows; ++r)
              for (int64_t i = 0; i < padded; ++i) {
                const int64_t at =
                    tiles ? (r / 32 * (padded / 32) + i / 32) * 1024 + r % 32 * 32 + i % 32 : r * lda + i;
                const float value = i < k ? a.at(kFirst + r, i) : 0;
                const float found =
                    to_bf16 ? static_cast<float>(bf16[static_cast<size_t>(at)]) : f32[static_cast<size_t>(at)];
                ASSERT_EQ(found, format == Format::f32 ? value : rounded(value))
                    << r << ", " << i << " of " << rows << " rows, k " << k << ", format " << static_cast<int>(format)
                    << ", bf16 " << is_bf16 << ", transposed " << transposed;
              }
          }
}

INSTANTIATE_TEST_SUITE_P(Levels, Pack, testing::ValuesIn(cpu_levels_to_test()),
                         [](const auto& level) { return std::string(cpu_level_name(level.param)); });

TEST(Scratch, GrowsAndStaysAligned) {
  Scratch scratch;
  char* const first = scratch.get(100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0u);
  EXPECT_EQ(scratch.get(50), first);   // no smaller one
  EXPECT_EQ(scratch.get(120), first);  // a quarter more than requested
  for (const int64_t bytes : {200, 70'000, 3'000'000}) {
    char* const at = scratch.get(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(at) % 64, 0u) << bytes;
    at[0] = at[bytes - 1] = 1;  // sanitizers see a short one
    EXPECT_EQ(scratch.get(bytes), at);
  }
}

TEST(Fetch, CountsItsLinesInSteps) {
  alignas(64) static char memory[64 * 10];
  Fetch fetch(memory, sizeof memory);
  EXPECT_EQ(fetch.lines, 12);  // four streams of equal length
  fetch.spread(5);
  for (int i = 0; i < 3; ++i) fetch.step();
  EXPECT_EQ(fetch.next, 9);
  fetch.finish();
  EXPECT_EQ(fetch.next, 12);
  fetch.step();
  EXPECT_EQ(fetch.next, 12);
  Fetch nothing;
  nothing.spread(3), nothing.step(), nothing.finish();
  EXPECT_EQ(nothing.next, 0);
}

}  // namespace
}  // namespace hadal::kernels
