// Reads blocks of every type as codes, scales and offsets, 32 weights at a time. Included by quant_avx2.cc alone.
#pragma once

#include <immintrin.h>

#include "kernels/quants/quant_blocks.h"
#include "kernels/quants/quant_kernels.h"

namespace hadal::kernels {
namespace {

HADAL_INLINE __m256i load32(const std::byte* at) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)); }
HADAL_INLINE __m128i load16(const std::byte* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }

// Every byte shifted right by `shift` (left, if negative), then masked. The mask removes bits of neighbouring bytes.
HADAL_INLINE __m256i field(__m256i bytes, int shift, int mask) {
  const __m256i moved = shift >= 0 ? _mm256_srli_epi16(bytes, shift) : _mm256_slli_epi16(bytes, -shift);
  return _mm256_and_si256(moved, _mm256_set1_epi8(static_cast<char>(mask)));
}
// 32 codes from a block of 16 bytes: low nibbles first.
HADAL_INLINE __m256i nibble_block(const std::byte* at) {
  const __m256i both = _mm256_broadcastsi128_si256(load16(at));
  return _mm256_and_si256(_mm256_srlv_epi64(both, _mm256_setr_epi64x(0, 0, 4, 4)), _mm256_set1_epi8(15));
}
// Moves bit i of 32 to bit 4 of byte i.
HADAL_INLINE __m256i fifth_bits(const std::byte* at) {
  int32_t bits;
  __builtin_memcpy(&bits, at, 4);
  const __m256i byte_of = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bit_of = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
  const __m256i own = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(bits), byte_of), bit_of);
  return _mm256_and_si256(_mm256_cmpeq_epi8(own, bit_of), _mm256_set1_epi8(16));
}
HADAL_INLINE __m256i iq4_codes(__m256i nibbles) {
  const __m128i table = _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), nibbles);
}

// The f16 at `at`, at + stride, ...: 8 of them.
HADAL_INLINE __m256 halves(const std::byte* at, int64_t stride) {
  __m128i h = _mm_cvtsi32_si128(read_u16(at));
  h = _mm_insert_epi16(h, read_u16(at + stride), 1);
  h = _mm_insert_epi16(h, read_u16(at + 2 * stride), 2);
  h = _mm_insert_epi16(h, read_u16(at + 3 * stride), 3);
  h = _mm_insert_epi16(h, read_u16(at + 4 * stride), 4);
  h = _mm_insert_epi16(h, read_u16(at + 5 * stride), 5);
  h = _mm_insert_epi16(h, read_u16(at + 6 * stride), 6);
  h = _mm_insert_epi16(h, read_u16(at + 7 * stride), 7);
  return _mm256_cvtph_ps(h);
}
HADAL_INLINE float half_at(const std::byte* at) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(read_u16(at)))); }
HADAL_INLINE __m256 bytes_times(__m128i bytes, float factor) {  // the low 8, unsigned
  return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)), _mm256_set1_ps(factor));
}

// One struct a type:
//   kBytes         of 256 weights
//   codes(b, v)    of weights [32 v, 32 v + 32), at most kMax
//   kSigned        w = scale * code, codes are signed; no offsets
//   kBias          if not 0: offset = -kBias * scale; else there are offsets
//   groups of 32   scales(b), offsets(b): 8 each
//   groups of 16   (kWide) scale = numbers(b) (16 of int16) * d(b), offset = minima(b) * dmin(b)
struct Q8_0 {
  static constexpr int64_t kBytes = 8 * 34;
  static constexpr bool kWide = false, kSigned = true;
  static constexpr int kBias = 0, kMax = 128;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) { return load32(b + v * 34 + 2); }
  HADAL_INLINE static __m256 scales(const std::byte* b) { return halves(b, 34); }
};
struct Q4_0 {
  static constexpr int64_t kBytes = 8 * 18;
  static constexpr bool kWide = false, kSigned = false;
  static constexpr int kBias = 8, kMax = 15;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) { return nibble_block(b + v * 18 + 2); }
  HADAL_INLINE static __m256 scales(const std::byte* b) { return halves(b, 18); }
};
struct Q4_1 {
  static constexpr int64_t kBytes = 8 * 20;
  static constexpr bool kWide = false, kSigned = false;
  static constexpr int kBias = 0, kMax = 15;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) { return nibble_block(b + v * 20 + 4); }
  HADAL_INLINE static __m256 scales(const std::byte* b) { return halves(b, 20); }
  HADAL_INLINE static __m256 offsets(const std::byte* b) { return halves(b + 2, 20); }
};
struct Q5_0 {
  static constexpr int64_t kBytes = 8 * 22;
  static constexpr bool kWide = false, kSigned = false;
  static constexpr int kBias = 16, kMax = 31;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) {
    return _mm256_or_si256(nibble_block(b + v * 22 + 6), fifth_bits(b + v * 22 + 2));
  }
  HADAL_INLINE static __m256 scales(const std::byte* b) { return halves(b, 22); }
};
struct Q5_1 {
  static constexpr int64_t kBytes = 8 * 24;
  static constexpr bool kWide = false, kSigned = false;
  static constexpr int kBias = 0, kMax = 31;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) {
    return _mm256_or_si256(nibble_block(b + v * 24 + 8), fifth_bits(b + v * 24 + 4));
  }
  HADAL_INLINE static __m256 scales(const std::byte* b) { return halves(b, 24); }
  HADAL_INLINE static __m256 offsets(const std::byte* b) { return halves(b + 2, 24); }
};
struct Iq4Nl {
  static constexpr int64_t kBytes = 8 * 18;
  static constexpr bool kWide = false, kSigned = true;
  static constexpr int kBias = 0, kMax = 128;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) { return iq4_codes(Q4_0::codes(b, v)); }
  HADAL_INLINE static __m256 scales(const std::byte* b) { return Q4_0::scales(b); }
};
struct Iq4Xs {
  static constexpr int64_t kBytes = 136;
  static constexpr bool kWide = false, kSigned = true;
  static constexpr int kBias = 0, kMax = 128;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) { return iq4_codes(nibble_block(b + 8 + 16 * v)); }
  HADAL_INLINE static __m256 scales(const std::byte* b) {
    int32_t low;
    __builtin_memcpy(&low, b + 4, 4);
    const __m256i shifts4 = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28),
                  shifts2 = _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14);
    const __m256i l = _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(low), shifts4), _mm256_set1_epi32(15));
    const __m256i h =
        _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(read_u16(b + 2)), shifts2), _mm256_set1_epi32(3));
    const __m256i ls = _mm256_sub_epi32(_mm256_or_si256(l, _mm256_slli_epi32(h, 4)), _mm256_set1_epi32(32));
    return _mm256_mul_ps(_mm256_cvtepi32_ps(ls), _mm256_set1_ps(half_at(b)));
  }
};

// Q4_K, Q5_K: 8 scales and 8 minima from the block's first 16 bytes.
HADAL_INLINE __m128i k_numbers(const std::byte* b) {
  const __m128i head = load16(b);  // d, dmin; words w0, w1, w2 of 6-bit numbers
  const __m128i low = _mm_srlv_epi32(_mm_shuffle_epi32(head, 0b11101101), _mm_setr_epi32(0, 0, 0, 4));
  const __m128i high = _mm_srli_epi32(_mm_shuffle_epi32(head, 0b10000100), 2);
  return _mm_or_si128(_mm_and_si128(low, _mm_setr_epi32(0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f)),
                      _mm_and_si128(high, _mm_setr_epi32(0, 0x30303030, 0, 0x30303030)));
}
HADAL_INLINE __m256 k_scales(const std::byte* b) { return bytes_times(k_numbers(b), half_at(b)); }
HADAL_INLINE __m256 k_offsets(const std::byte* b) {
  return bytes_times(_mm_srli_si128(k_numbers(b), 8), -half_at(b + 2));
}

struct Q4K {
  static constexpr int64_t kBytes = 144;
  static constexpr bool kWide = false, kSigned = false;
  static constexpr int kBias = 0, kMax = 15;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) {
    return field(load32(b + 16 + v / 2 * 32), v % 2 * 4, 15);
  }
  HADAL_INLINE static __m256 scales(const std::byte* b) { return k_scales(b); }
  HADAL_INLINE static __m256 offsets(const std::byte* b) { return k_offsets(b); }
};
struct Q5K {
  static constexpr int64_t kBytes = 176;
  static constexpr bool kWide = false, kSigned = false;
  static constexpr int kBias = 0, kMax = 31;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) {
    return _mm256_or_si256(field(load32(b + 48 + v / 2 * 32), v % 2 * 4, 15), field(load32(b + 16), v - 4, 16));
  }
  HADAL_INLINE static __m256 scales(const std::byte* b) { return k_scales(b); }
  HADAL_INLINE static __m256 offsets(const std::byte* b) { return k_offsets(b); }
};
struct Q6K {
  static constexpr int64_t kBytes = 210;
  static constexpr bool kWide = true, kSigned = false;
  static constexpr int kBias = 32, kMax = 63;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) {
    const __m256i low = field(load32(b + v / 4 * 64 + v % 2 * 32), v % 4 / 2 * 4, 15);
    return _mm256_or_si256(low, field(load32(b + 128 + v / 4 * 32), v % 4 * 2 - 4, 0x30));
  }
  HADAL_INLINE static __m256i numbers(const std::byte* b) { return _mm256_cvtepi8_epi16(load16(b + 192)); }
  HADAL_INLINE static float d(const std::byte* b) { return half_at(b + 208); }
};
struct Q3K {
  static constexpr int64_t kBytes = 110;
  static constexpr bool kWide = true, kSigned = false;
  static constexpr int kBias = 4, kMax = 7;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) {
    return _mm256_or_si256(field(load32(b + 32 + v / 4 * 32), v % 4 * 2, 3), field(load32(b), v - 2, 4));
  }
  HADAL_INLINE static __m256i numbers(const std::byte* b) {
    const __m128i words = _mm_srli_si128(load16(b + 94), 2);  // w0, w1, w2 of q3_scales
    const __m128i low = _mm_srlv_epi32(_mm_shuffle_epi32(words, 0b01000100), _mm_setr_epi32(0, 0, 4, 4));
    const __m128i high = _mm_srlv_epi32(_mm_shuffle_epi32(words, 0b10101010), _mm_setr_epi32(0, 2, 4, 6));
    const __m128i packed =
        _mm_or_si128(_mm_and_si128(low, _mm_set1_epi8(15)), _mm_slli_epi16(_mm_and_si128(high, _mm_set1_epi8(3)), 4));
    return _mm256_cvtepi8_epi16(_mm_sub_epi8(packed, _mm_set1_epi8(32)));
  }
  HADAL_INLINE static float d(const std::byte* b) { return half_at(b + 108); }
};
struct Q2K {
  static constexpr int64_t kBytes = 84;
  static constexpr bool kWide = true, kSigned = false;
  static constexpr int kBias = 0, kMax = 3;
  HADAL_INLINE static __m256i codes(const std::byte* b, int v) {
    return field(load32(b + 16 + v / 4 * 32), v % 4 * 2, 3);
  }
  HADAL_INLINE static __m256i numbers(const std::byte* b) {
    return _mm256_cvtepu8_epi16(_mm_and_si128(load16(b), _mm_set1_epi8(15)));
  }
  HADAL_INLINE static __m256i minima(const std::byte* b) {
    return _mm256_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16(load16(b), 4), _mm_set1_epi8(15)));
  }
  HADAL_INLINE static float d(const std::byte* b) { return half_at(b + 80); }
  HADAL_INLINE static float dmin(const std::byte* b) { return -half_at(b + 82); }
};

template <typename T>
inline constexpr bool kHasOffsets = !T::kSigned && T::kBias == 0;

// 16 integers times one factor.
struct Pair {
  __m256 low, high;
};
HADAL_INLINE Pair numbers_times(__m256i numbers, float factor) {
  const __m256i low = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(numbers));
  const __m256i high = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(numbers, 1));
  return {_mm256_mul_ps(_mm256_cvtepi32_ps(low), _mm256_set1_ps(factor)),
          _mm256_mul_ps(_mm256_cvtepi32_ps(high), _mm256_set1_ps(factor))};
}

}  // namespace
}  // namespace hadal::kernels
