// The product for one level in f32 multiply-adds. Rounding A and B to bf16 happens when they are packed; here they are
// widened again, so that products are exact and only sums are rounded. Included by one level_*.cc per level; see
// level.h.
#pragma once

#include "kernels/levels/pack_hwy-inl.h"

namespace hadal::kernels {
namespace {

// Rows of C whose sums stay in registers: 12 x 2 vectors of 32 registers, 6 x 2 of 16.
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kMaxRows = 12;
#else
constexpr int kMaxRows = 6;
#endif

// Without this, GCC moves sums between registers and spills some of them in every step.
inline void keep_in_registers([[maybe_unused]] VecF& a, [[maybe_unused]] VecF& b) {
#if HWY_TARGET == HWY_AVX2
  __asm__ volatile("" : "+x"(a.raw), "+x"(b.raw));
#endif
}

// C[kRows, 2 vectors of columns] (kTwo) or [kRows, 1 vector] = or += A[kRows, k] * panel. `panel` and `c` point to the
// first of these columns. `ahead`: distance in words to what is read next, which the first rows of a block prefetch.
template <int kRows, bool kTwo, bool kBf16>
void multiply_rows(const float* a, int64_t lda, const void* panel, int64_t k, int64_t ahead, float* c, int64_t ldc,
                   bool accumulate) {
  constexpr int64_t kWidth = kTwo ? 2 * kLanes : kLanes;
  const VecU upper = hn::Set(kU32, 0xffff0000u);
  VecF sum0[kRows], sum1[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) sum0[r] = sum1[r] = hn::Zero(kF32);
  if constexpr (kBf16) {
    const uint32_t* b = static_cast<const uint32_t*>(panel);
    for (int64_t i = 0; i < k; i += 2, b += kPanel) {
      for (int64_t line = 0; line < kWidth; line += 16) __builtin_prefetch(b + ahead + line, 0, 2);
      const VecF even0 = hn::BitCast(kF32, hn::ShiftLeft<16>(hn::LoadU(kU32, b)));
      const VecF even1 = hn::BitCast(kF32, hn::ShiftLeft<16>(hn::LoadU(kU32, b + kLanes)));
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        const VecF x = hn::Set(kF32, a[r * lda + i]);
        sum0[r] = hn::MulAdd(x, even0, sum0[r]);
        if constexpr (kTwo) sum1[r] = hn::MulAdd(x, even1, sum1[r]);
        if constexpr (kTwo) keep_in_registers(sum0[r], sum1[r]);
      }
      const VecF odd0 = hn::BitCast(kF32, hn::And(hn::LoadU(kU32, b), upper));
      const VecF odd1 = hn::BitCast(kF32, hn::And(hn::LoadU(kU32, b + kLanes), upper));
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        const VecF x = hn::Set(kF32, a[r * lda + i + 1]);
        sum0[r] = hn::MulAdd(x, odd0, sum0[r]);
        if constexpr (kTwo) sum1[r] = hn::MulAdd(x, odd1, sum1[r]);
        if constexpr (kTwo) keep_in_registers(sum0[r], sum1[r]);
      }
    }
  } else {
    const float* b = static_cast<const float*>(panel);
    for (int64_t i = 0; i < k; ++i, b += kPanel) {
      for (int64_t line = 0; line < kWidth; line += 16) __builtin_prefetch(b + ahead + line, 0, 2);
      const VecF b0 = hn::LoadU(kF32, b), b1 = hn::LoadU(kF32, b + kLanes);
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        const VecF x = hn::Set(kF32, a[r * lda + i]);
        sum0[r] = hn::MulAdd(x, b0, sum0[r]);
        if constexpr (kTwo) sum1[r] = hn::MulAdd(x, b1, sum1[r]);
      }
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    float* at = c + r * ldc;
    if (accumulate) {
      sum0[r] = hn::Add(hn::LoadU(kF32, at), sum0[r]);
      if constexpr (kTwo) sum1[r] = hn::Add(hn::LoadU(kF32, at + kLanes), sum1[r]);
    }
    hn::StoreU(sum0[r], kF32, at);
    if constexpr (kTwo) hn::StoreU(sum1[r], kF32, at + kLanes);
  }
}

using RowsFn = void (*)(const float*, int64_t, const void*, int64_t, int64_t, float*, int64_t, bool);

template <bool kTwo, bool kBf16>
constexpr RowsFn kRowsTable[] = {
    nullptr,
    multiply_rows<1, kTwo, kBf16>,
    multiply_rows<2, kTwo, kBf16>,
    multiply_rows<3, kTwo, kBf16>,
    multiply_rows<4, kTwo, kBf16>,
    multiply_rows<5, kTwo, kBf16>,
    multiply_rows<6, kTwo, kBf16>,
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON
    multiply_rows<7, kTwo, kBf16>,
    multiply_rows<8, kTwo, kBf16>,
    multiply_rows<9, kTwo, kBf16>,
    multiply_rows<10, kTwo, kBf16>,
    multiply_rows<11, kTwo, kBf16>,
    multiply_rows<12, kTwo, kBf16>,
#endif
};

template <bool kBf16>
void multiply(const void* a_block, int64_t lda, const void* panel, int64_t k, float* c, int64_t ldc, int64_t rows,
              int64_t cols, bool accumulate, Fetch*) {
  const float* a = static_cast<const float*>(a_block);
  const float* b = static_cast<const float*>(panel);  // in words of 4 bytes: a float, or a pair of bf16
  // Two vectors of columns of the panel stay in the first-level cache for all rows.
  for (int64_t col = 0; col < cols; col += 2 * kLanes) {
    const int64_t width = std::min(cols - col, 2 * kLanes);
    const RowsFn* table = width > kLanes ? kRowsTable<true, kBf16> : kRowsTable<false, kBf16>;
    int64_t groups = (rows + kMaxRows - 1) / kMaxRows;
    for (int64_t r = 0; r < rows; --groups) {
      const int64_t height =
          (rows - r + groups - 1) / groups;  // groups of nearly equal height, so that the last is not small
      const int64_t ahead = r == 0 ? (kBf16 ? k / 2 : k) * kPanel : 0;
      float* out = c + r * ldc + col;
      if (width % kLanes == 0) {
        table[height](a + r * lda, lda, b + col, k, ahead, out, ldc, accumulate);
      } else {  // the last columns, less than a vector, go through a buffer
        alignas(64) float whole[kMaxRows * 2 * kLanes];
        table[height](a + r * lda, lda, b + col, k, ahead, whole, 2 * kLanes, false);
        for (int64_t i = 0; i < height; ++i)
          for (int64_t j = 0; j < width; ++j) {
            float& at = out[i * ldc + j];
            at = accumulate ? at + whole[i * 2 * kLanes + j] : whole[i * 2 * kLanes + j];
          }
      }
      r += height;
    }
  }
}

double spin(int64_t iterations) {
  constexpr int kChains = 2 * kMaxRows;
  VecF sums[kChains];
#pragma GCC unroll 24
  for (int c = 0; c < kChains; ++c)
    sums[c] = hn::Set(kF32, static_cast<float>(c));  // different, or the compiler merges the chains
  float x = 1.0f, y = 0.5f;
  for (int64_t i = 0; i < iterations; ++i) {
    __asm__ volatile("" : "+m"(x), "+m"(y));  // keeps the loop
    const VecF one = hn::Set(kF32, x), factor = hn::Set(kF32, y);
#pragma GCC unroll 24
    for (int c = 0; c < kChains; ++c) sums[c] = hn::MulAdd(one, factor, sums[c]);
  }
#pragma GCC unroll 24
  for (int c = 1; c < kChains; ++c) sums[0] = hn::Add(sums[0], sums[c]);
  y = hn::GetLane(sums[0]);
  __asm__ volatile("" : "+m"(y));
  return 2.0 * static_cast<double>(kLanes) * kChains * static_cast<double>(iterations);
}

}  // namespace
}  // namespace hadal::kernels
