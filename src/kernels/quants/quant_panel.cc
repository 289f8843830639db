// Dequantises rows to panels of bf16, for products on tiles. See quant_kernels.h.
#if defined(__x86_64__)
#include "kernels/levels/level.h"
#include "kernels/quants/quant_nibbles_avx512.h"

namespace hadal::kernels {
namespace {

// Constants that stay in registers: GCC would load them anew for every vector, which costs a tenth of the time.
HADAL_INLINE __m512i constant(uint32_t word) {
  __m512i x = _mm512_set1_epi32(static_cast<int>(word));
  asm("" : "+v"(x));
  return x;
}
struct Constants {
  __m512i byte = constant(0xffu << 15), above = constant(0x43800000), half = constant(0x8000),
          upper = constant(0xffff0000);
};

// Byte `i` of every word, u, as 256 + u in f32: u becomes the upper bits of the mantissa.
HADAL_INLINE __m512 above_256(__m512i words, int i, const Constants& c) {
  constexpr int kShift[4] = {15, 7, -1, -9};
  const int shift = kShift[i];
  const __m512i moved = shift > 0 ? _mm512_slli_epi32(words, static_cast<unsigned>(shift))
                                  : _mm512_srli_epi32(words, static_cast<unsigned>(-shift));
  return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(moved, c.byte, c.above, 0xea));
}
// Both rounded to bf16 (ties away from zero), `low` in the lower halves.
HADAL_INLINE __m512i pairs_of(__m512 low, __m512 high, const Constants& c) {
  const __m512i l = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(low), c.half), 16),
                h = _mm512_add_epi32(_mm512_castps_si512(high), c.half);
  return _mm512_ternarylogic_epi32(h, c.upper, l, 0xea);
}

// Rows [first, first + 16) of w become columns [first, first + 16) of the panel; rows beyond w.rows become zeros.
template <typename T>
void half_panel(const QuantMatrix& w, int64_t first, int64_t column, int64_t columns, uint32_t* panel) {
  constexpr int kGroups = T::kWide ? 16 : 8, kVectors = 64 / kGroups;
  const int64_t row_bytes = w.row_bytes(), first_super = column / kSuper, supers = (columns + kSuper - 1) / kSuper,
                pairs = (columns + 31) / 32 * 16;
  const std::byte* const end = w.data + w.rows * row_bytes;
  alignas(64) std::byte buffer[16][T::kBytes];
  alignas(64) float scales[kGroups][16], offsets[kGroups][16];
  const Constants constants;
  for (int64_t i = 0; i < supers; ++i) {
    const std::byte* blocks[16];
    for (int r = 0; r < 16; ++r) {
      if (first + r < w.rows) {
        blocks[r] =
            super_block_and_more<T>(w.data + (first + r) * row_bytes, first_super + i, row_bytes, end, buffer[r]);
        const char* next = reinterpret_cast<const char*>(blocks[r]) + T::kBytes;
#pragma GCC unroll 8
        for (int64_t line = 0; line < T::kBytes; line += 64) _mm_prefetch(next + line, _MM_HINT_T0);
      } else {
        __builtin_memset(buffer[r], 0, T::kBytes);
        blocks[r] = buffer[r];
      }
    }
    const auto scale = [&](int g, __m512 x) __attribute__((always_inline)) { _mm512_store_ps(scales[g], x); };
    const auto offset = [&](int g, __m512 x) __attribute__((always_inline)) { _mm512_store_ps(offsets[g], x); };
    factor_columns<T>(blocks, scale, offset);
    for (int g = 0; g < kGroups; ++g) {  // w = scale * u + offset = scale * (256 + u) + (offset - 256 * scale)
      const __m512 factor = _mm512_load_ps(scales[g]),
                   own = T::kBias == 0 ? _mm512_load_ps(offsets[g]) : _mm512_setzero_ps();
      _mm512_store_ps(offsets[g], _mm512_fnmadd_ps(factor, _mm512_set1_ps(256 + T::kBias), own));
    }
    uint32_t* const to = panel + i * 128 * kPanel + first;
    const int64_t left = (pairs - i * 128) / 2;  // vectors of codes that the panel has space for
    const auto code = [&](int t, __m512i words) __attribute__((always_inline)) {
      if (t >= left) return;
      const __m512 factor = _mm512_load_ps(scales[t / kVectors]), rest = _mm512_load_ps(offsets[t / kVectors]);
#pragma GCC unroll 2
      for (int pair = 0; pair < 2; ++pair) {
        const __m512 low = _mm512_fmadd_ps(above_256(words, 2 * pair, constants), factor, rest);
        const __m512 high = _mm512_fmadd_ps(above_256(words, 2 * pair + 1, constants), factor, rest);
        _mm512_storeu_si512(to + (2 * t + pair) * kPanel, pairs_of(low, high, constants));
      }
    };
    code_columns<T>(blocks, code);
  }
}

template <typename T>
void whole_panel(const QuantMatrix& w, int64_t first, int64_t count, void* panel) {
  half_panel<T>(w, 0, first, count, static_cast<uint32_t*>(panel));
  half_panel<T>(w, 16, first, count, static_cast<uint32_t*>(panel));
}

}  // namespace

void quant_panel_bf16(const QuantMatrix& w, int64_t first, int64_t count, void* panel) {
#define HADAL_CALL(T) whole_panel<T>(w, first, count, panel)
  HADAL_FOR_BLOCK_TYPE(w.type, HADAL_CALL)
#undef HADAL_CALL
}

}  // namespace hadal::kernels
#endif
