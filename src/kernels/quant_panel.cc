// Quantised rows to panels of bf16, for products on tiles. See quant_kernels.h.
#if defined(__x86_64__)
#include "kernels/quant_unpack_avx512.h"
#include "kernels/transpose_avx512.h"

namespace hadal::kernels {
namespace {

HADAL_INLINE __m512 floats_of(__m512i codes, int quarter) {
  switch (quarter) {
    case 0: return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(codes)));
    case 1: return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(codes, 1)));
    case 2: return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(codes, 2)));
    default: return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(codes, 3)));
  }
}

// Weights [64 v, 64 v + 64) of a super-block as 32 pairs of bf16.
template <typename T>
HADAL_INLINE void dequantise64(const std::byte* b, int v, __m512 scales, __m512 offsets, __m512i* low, __m512i* high) {
  const __m512i codes = T::codes(b, v);
  __m512 w[4];
#pragma GCC unroll 4
  for (int quarter = 0; quarter < 4; ++quarter) {
    const int group = T::kWide ? 4 * v + quarter : 2 * v + quarter / 2;
    const __m512i lane = _mm512_set1_epi32(group);
    w[quarter] = _mm512_fmadd_ps(floats_of(codes, quarter), _mm512_permutexvar_ps(lane, scales), _mm512_permutexvar_ps(lane, offsets));
  }
  *low = (__m512i)_mm512_cvtne2ps_pbh(w[1], w[0]);
  *high = (__m512i)_mm512_cvtne2ps_pbh(w[3], w[2]);
}

// Rows [first, first + 16) of w to columns [first, first + 16) of the panel; rows that are not there become zeros.
template <typename T>
void half_panel(const QuantMatrix& w, int64_t first, uint32_t* panel) {
  const int64_t row_bytes = w.row_bytes(), supers = (w.cols + kSuper - 1) / kSuper, pairs = (w.cols + 31) / 32 * 16;
  alignas(64) std::byte buffer[16][T::kBytes];
  const __m512i upper = _mm512_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
  for (int64_t i = 0; i < supers; ++i) {
    const std::byte* blocks[16];
    __m512 scales[16], offsets[16];
    for (int r = 0; r < 16; ++r) {
      if (first + r < w.rows) {
        blocks[r] = super_block<T>(w.data + (first + r) * row_bytes, i, row_bytes, buffer[r]);
        const char* next = reinterpret_cast<const char*>(blocks[r]) + T::kBytes;
        for (int64_t line = 0; line < T::kBytes; line += 64) _mm_prefetch(next + line, _MM_HINT_T0);
      } else {
        __builtin_memset(buffer[r], 0, T::kBytes);
        blocks[r] = buffer[r];
      }
      if constexpr (T::kWide) {
        scales[r] = T::scales(blocks[r]);
        offsets[r] = offsets_of<T>(blocks[r], scales[r]);
      } else {
        scales[r] = T::both(blocks[r]);
        offsets[r] = _mm512_mul_ps(_mm512_permutexvar_ps(upper, scales[r]), _mm512_set1_ps(T::kSign));
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      __m512i low[16], high[16];
#pragma GCC unroll 16
      for (int r = 0; r < 16; ++r) dequantise64<T>(blocks[r], v, scales[r], offsets[r], &low[r], &high[r]);
      transpose16(low);
      transpose16(high);
      uint32_t* to = panel + (i * 128 + v * 32) * 32 + first;
      const int64_t left = pairs - (i * 128 + v * 32);
      for (int t = 0; t < 16 && t < left; ++t) _mm512_storeu_si512(to + t * 32, low[t]);
      for (int t = 0; t < 16 && t + 16 < left; ++t) _mm512_storeu_si512(to + (t + 16) * 32, high[t]);
    }
  }
}

template <typename T>
void whole_panel(const QuantMatrix& w, void* panel) {
  half_panel<T>(w, 0, static_cast<uint32_t*>(panel));
  half_panel<T>(w, 16, static_cast<uint32_t*>(panel));
}

}  // namespace

void quant_panel_bf16(const QuantMatrix& w, void* panel) {
#define HADAL_CALL(T) whole_panel<T>(w, panel)
  HADAL_FOR_BLOCK_TYPE(w.type, HADAL_CALL)
#undef HADAL_CALL
}

}  // namespace hadal::kernels
#endif
