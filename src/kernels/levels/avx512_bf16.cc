// The bf16 product with vdpbf16ps, for CPUs that run it faster than f32 multiply-adds. See level.h.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/levels/level.h"

namespace hadal::kernels {
namespace {

constexpr int kMaxRows = 12;  // x 2 vectors = 24 sums of the 32 registers

// C[kRows, 32 columns] (kTwo) or [kRows, 16] = or += A[kRows, 2 * pairs] * panel. `left`, `right`: the columns that C
// has of the first and the second 16. `ahead`: distance in words of 4 bytes from b to what is read next, which the
// first rows of a block prefetch into the second-level cache.
template <int kRows, bool kTwo>
void multiply_rows(const uint16_t* a, int64_t lda, const uint32_t* b, int64_t pairs, int64_t ahead, float* c,
                   int64_t ldc, __mmask16 left, __mmask16 right, bool accumulate) {
  __m512 sum0[kRows], sum1[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    sum0[r] = sum1[r] = _mm512_setzero_ps();
    _mm_prefetch(c + r * ldc, _MM_HINT_T0);
    if constexpr (kTwo) _mm_prefetch(c + r * ldc + 16, _MM_HINT_T0);
  }
  for (int64_t p = 0; p < pairs; ++p, b += kPanel) {
    const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b), b1 = (__m512bh)_mm512_loadu_si512(b + 16);
    _mm_prefetch(b + ahead, _MM_HINT_T1);
    if constexpr (kTwo) _mm_prefetch(b + ahead + 16, _MM_HINT_T1);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      int32_t pair;
      __builtin_memcpy(&pair, a + r * lda + 2 * p, 4);
      const __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
      sum0[r] = _mm512_dpbf16_ps(sum0[r], x, b0);
      if constexpr (kTwo) sum1[r] = _mm512_dpbf16_ps(sum1[r], x, b1);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    float* at = c + r * ldc;
    if (accumulate) {
      sum0[r] = _mm512_add_ps(_mm512_maskz_loadu_ps(left, at), sum0[r]);
      if constexpr (kTwo) sum1[r] = _mm512_add_ps(_mm512_maskz_loadu_ps(right, at + 16), sum1[r]);
    }
    _mm512_mask_storeu_ps(at, left, sum0[r]);
    if constexpr (kTwo) _mm512_mask_storeu_ps(at + 16, right, sum1[r]);
  }
}

// At most 8 columns: the few heads of a decoded token.
template <int kRows>
void multiply_narrow(const uint16_t* a, int64_t lda, const uint32_t* b, int64_t pairs, int64_t, float* c, int64_t ldc,
                     __mmask16 left, __mmask16, bool accumulate) {
  const auto mask = static_cast<__mmask8>(left);
  __m256 sum[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) sum[r] = _mm256_setzero_ps();
  for (int64_t p = 0; p < pairs; ++p, b += kPanel) {
    const __m256bh b0 = (__m256bh)_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      int32_t pair;
      __builtin_memcpy(&pair, a + r * lda + 2 * p, 4);
      sum[r] = _mm256_dpbf16_ps(sum[r], (__m256bh)_mm256_set1_epi32(pair), b0);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    if (accumulate) sum[r] = _mm256_add_ps(_mm256_maskz_loadu_ps(mask, c + r * ldc), sum[r]);
    _mm256_mask_storeu_ps(c + r * ldc, mask, sum[r]);
  }
}

using RowsFn = void (*)(const uint16_t*, int64_t, const uint32_t*, int64_t, int64_t, float*, int64_t, __mmask16,
                        __mmask16, bool);
template <bool kTwo>
constexpr RowsFn kTable[] = {nullptr,
                             multiply_rows<1, kTwo>,
                             multiply_rows<2, kTwo>,
                             multiply_rows<3, kTwo>,
                             multiply_rows<4, kTwo>,
                             multiply_rows<5, kTwo>,
                             multiply_rows<6, kTwo>,
                             multiply_rows<7, kTwo>,
                             multiply_rows<8, kTwo>,
                             multiply_rows<9, kTwo>,
                             multiply_rows<10, kTwo>,
                             multiply_rows<11, kTwo>,
                             multiply_rows<12, kTwo>};
constexpr RowsFn kNarrowTable[] = {nullptr,
                                   multiply_narrow<1>,
                                   multiply_narrow<2>,
                                   multiply_narrow<3>,
                                   multiply_narrow<4>,
                                   multiply_narrow<5>,
                                   multiply_narrow<6>,
                                   multiply_narrow<7>,
                                   multiply_narrow<8>,
                                   multiply_narrow<9>,
                                   multiply_narrow<10>,
                                   multiply_narrow<11>,
                                   multiply_narrow<12>};

// Rows of B in place, two at a time, 32 columns: `unpack` interleaves them within groups of 8 columns, so that columns
// 8 i + 0..3 are summed in `low` and 8 i + 4..7 in `high`; the end puts them in order. a: pairs along K,
// [(k + 1) / 2][kFewRows].
template <int kRows>
void multiply_unpacked(const uint32_t* a, const uint16_t* const* b, int64_t k, int64_t col, float* c, int64_t ldc) {
  __m512 low[kRows], high[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) low[r] = high[r] = _mm512_setzero_ps();
  for (int64_t i = 0; i < k; i += 2, a += kFewRows) {
    const __m512i even = _mm512_loadu_si512(b[i] + col);
    __m512i odd = _mm512_setzero_si512();
    if (i + 1 < k) odd = _mm512_loadu_si512(b[i + 1] + col);
    const __m512bh b0 = (__m512bh)_mm512_unpacklo_epi16(even, odd), b1 = (__m512bh)_mm512_unpackhi_epi16(even, odd);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const __m512bh x = (__m512bh)_mm512_set1_epi32(static_cast<int>(a[r]));
      low[r] = _mm512_dpbf16_ps(low[r], x, b0);
      high[r] = _mm512_dpbf16_ps(high[r], x, b1);
    }
  }
  const __m512i left = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const __m512i right = _mm512_add_epi32(left, _mm512_set1_epi32(8));
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    _mm512_storeu_ps(c + r * ldc + col, _mm512_permutex2var_ps(low[r], left, high[r]));
    _mm512_storeu_ps(c + r * ldc + col + 16, _mm512_permutex2var_ps(low[r], right, high[r]));
  }
}

using UnpackedFn = void (*)(const uint32_t*, const uint16_t* const*, int64_t, int64_t, float*, int64_t);
constexpr UnpackedFn kUnpackedTable[] = {nullptr,
                                         multiply_unpacked<1>,
                                         multiply_unpacked<2>,
                                         multiply_unpacked<3>,
                                         multiply_unpacked<4>,
                                         multiply_unpacked<5>,
                                         multiply_unpacked<6>,
                                         multiply_unpacked<7>,
                                         multiply_unpacked<8>,
                                         multiply_unpacked<9>,
                                         multiply_unpacked<10>,
                                         multiply_unpacked<11>,
                                         multiply_unpacked<12>};

}  // namespace

void multiply_rows_avx512_bf16(const float* a, int64_t lda, const uint16_t* const* b, int64_t k, float* c, int64_t ldc,
                               int64_t rows, int64_t cols, Fetch&) {
  alignas(64) uint32_t pairs[kFewSteps / 2 * kFewRows];
  const auto rounded = [&](int64_t i) {
    return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(a + i * lda)));
  };
  for (int64_t i = 0; i < k; i += 2) {
    const __m512i odd = i + 1 < k ? _mm512_slli_epi32(rounded(i + 1), 16) : _mm512_setzero_si512();
    _mm512_store_si512(pairs + i / 2 * kFewRows, _mm512_or_si512(rounded(i), odd));
  }
  int64_t groups = (rows + kMaxRows - 1) / kMaxRows;
  for (int64_t r = 0; r < rows; --groups) {
    const int64_t height = (rows - r + groups - 1) / groups;
    for (int64_t col = 0; col < cols; col += kPanel) kUnpackedTable[height](pairs + r, b, k, col, c + r * ldc, ldc);
    r += height;
  }
}

void multiply_avx512_bf16(const void* a_block, int64_t lda, const void* panel, int64_t k, float* c, int64_t ldc,
                          int64_t rows, int64_t cols, bool accumulate, Fetch*) {
  const auto* a = static_cast<const uint16_t*>(a_block);
  const uint32_t mask = cols >= 32 ? 0xffffffffu : (1u << cols) - 1u;
  int64_t groups = (rows + kMaxRows - 1) / kMaxRows;
  for (int64_t r = 0; r < rows; --groups) {
    const int64_t height =
        (rows - r + groups - 1) / groups;  // groups of nearly equal height, so that the last is not small
    const auto rows_fn = cols > 16 ? kTable<true>[height] : cols > 8 ? kTable<false>[height] : kNarrowTable[height];
    rows_fn(a + r * lda, lda, static_cast<const uint32_t*>(panel), k / 2, r == 0 ? k / 2 * kPanel : 0, c + r * ldc, ldc,
            static_cast<__mmask16>(mask), static_cast<__mmask16>(mask >> 16), accumulate);
    r += height;
  }
}

double spin_avx512_bf16(int64_t iterations) {
  constexpr int kChains = 2 * kMaxRows;
  __m512 sums[kChains];
#pragma GCC unroll 24
  for (int c = 0; c < kChains; ++c)
    sums[c] = _mm512_set1_ps(static_cast<float>(c));  // different, or the compiler merges the chains
  __m512i x = _mm512_set1_epi32(0x3f803f80), y = _mm512_set1_epi32(0x3f003f00);
  for (int64_t i = 0; i < iterations; ++i) {
    __asm__ volatile("" : "+v"(x), "+v"(y));  // keeps the loop
#pragma GCC unroll 24
    for (int c = 0; c < kChains; ++c) sums[c] = _mm512_dpbf16_ps(sums[c], (__m512bh)x, (__m512bh)y);
  }
#pragma GCC unroll 24
  for (int c = 1; c < kChains; ++c) sums[0] = _mm512_add_ps(sums[0], sums[c]);
  __asm__ volatile("" : : "v"(sums[0]));
  return 64.0 * kChains * static_cast<double>(iterations);
}

}  // namespace hadal::kernels
#endif
