// Reads blocks of every type as codes, scales and offsets, 256 weights at a time. Included by files for AVX-512 alone.
#pragma once

#include <immintrin.h>

#include "kernels/quants/quant_blocks.h"
#include "kernels/quants/quant_kernels.h"

namespace hadal::kernels {
namespace {

// 64 codes from 32 bytes: the fields at bit low_shift of all bytes, then those at high_shift.
HADAL_INLINE __m512i two_fields(const std::byte* at, int low_shift, int high_shift, int mask) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const __m512i both = _mm512_broadcast_i64x4(bytes);
  const __m512i shifts = _mm512_inserti64x4(_mm512_set1_epi64(low_shift), _mm256_set1_epi64x(high_shift), 1);
  return _mm512_and_si512(_mm512_srlv_epi64(both, shifts), _mm512_set1_epi8(static_cast<char>(mask)));
}
// The same for single bits, moved to bit `to`.
HADAL_INLINE __m512i two_bits(const std::byte* at, int low_bit, int high_bit, int to) {
  const __m512i bits = two_fields(at, low_bit, high_bit, 1);
  return _mm512_slli_epi16(bits, static_cast<unsigned>(to));
}
// 64 codes from two blocks of 16 bytes with 32 nibbles each: low ones first.
HADAL_INLINE __m512i two_nibble_blocks(const std::byte* first, const std::byte* second) {
  const __m512i a = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(first)));
  const __m512i both =
      _mm512_mask_broadcast_i32x4(a, 0xff00, _mm_loadu_si128(reinterpret_cast<const __m128i*>(second)));
  const __m512i shifts = _mm512_set_epi64(4, 4, 0, 0, 4, 4, 0, 0);
  return _mm512_and_si512(_mm512_srlv_epi64(both, shifts), _mm512_set1_epi8(15));
}
// Moves bit i of 64 to bit 4 of byte i.
HADAL_INLINE __m512i fifth_bits(const std::byte* first, const std::byte* second) {
  uint32_t low, high;
  __builtin_memcpy(&low, first, 4);
  __builtin_memcpy(&high, second, 4);
  return _mm512_maskz_mov_epi8(static_cast<__mmask64>(low) | static_cast<__mmask64>(high) << 32, _mm512_set1_epi8(16));
}
HADAL_INLINE __m512i iq4_codes(__m512i nibbles) {  // values + 128
  const __m512i table =
      _mm512_broadcast_i32x4(_mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, -127, -115, -103, -90, -75, -59, -39, -15));
  return _mm512_shuffle_epi8(table, nibbles);
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
HADAL_INLINE __m512 joined(__m256 low, __m256 high) { return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1); }
HADAL_INLINE __m512 twice(__m256 x) { return joined(x, x); }
HADAL_INLINE float half_at(const std::byte* at) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(read_u16(at)))); }

// One struct a type:
//   kBytes         of 256 weights
//   codes(b, v)    of weights [64 v, 64 v + 64), unsigned
//   kBias          if not 0: offset = -kBias * scale
//   groups of 32   both(b): 8 scales, then 8 values that times kSign are the offsets
//   groups of 16   (kWide) scales(b) and, if kBias is 0, offsets(b): 16 each
struct Q8_0 {
  static constexpr int64_t kBytes = 8 * 34;
  static constexpr bool kWide = false;
  static constexpr int kBias = 128;
  static constexpr float kSign = -128;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + v * 68 + 2));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + v * 68 + 36));
    return _mm512_xor_si512(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1), _mm512_set1_epi8(-128));
  }
  HADAL_INLINE static __m512 both(const std::byte* b) { return twice(halves(b, 34)); }
};
struct Q4_0 {
  static constexpr int64_t kBytes = 8 * 18;
  static constexpr bool kWide = false;
  static constexpr int kBias = 8;
  static constexpr float kSign = -8;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) {
    return two_nibble_blocks(b + v * 36 + 2, b + v * 36 + 20);
  }
  HADAL_INLINE static __m512 both(const std::byte* b) {  // the f16 of 8 blocks of 9 words each lie in 64 words
    const __m512i where = _mm512_castsi128_si512(_mm_setr_epi16(0, 9, 18, 27, 36, 45, 54, 63));
    const __m512i h = _mm512_permutex2var_epi16(_mm512_loadu_si512(b), where, _mm512_loadu_si512(b + 64));
    return twice(_mm256_cvtph_ps(_mm512_castsi512_si128(h)));
  }
};
struct Q4_1 {
  static constexpr int64_t kBytes = 8 * 20;
  static constexpr bool kWide = false;
  static constexpr int kBias = 0;
  static constexpr float kSign = 1;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) {
    return two_nibble_blocks(b + v * 40 + 4, b + v * 40 + 24);
  }
  HADAL_INLINE static __m512 both(const std::byte* b) { return joined(halves(b, 20), halves(b + 2, 20)); }
};
// The headers of 8 blocks of kWords 16-bit words each, gathered as 32 words: the f16 in word 0 of each block; with
// kMin, that in word 1; then the words of fifth bits in the order of RoundedRows::halves: lower ones of blocks 0, 2, 4,
// 6, their upper ones, then blocks 1, 3, 5, 7.
template <int kWords, bool kMin>
struct Heads {
  static constexpr int kTail = 8 * kWords - 32;  // the last 32 words are read separately
  struct Table {
    alignas(64) uint16_t from[32];
    uint32_t in_tail;
  };
  static constexpr Table table() {
    Table t = {};
    const auto set = [&](int i, int word) {
      const bool tail = word >= 64;
      t.from[i] = static_cast<uint16_t>(tail ? word - kTail : word);
      if (tail) t.in_tail |= 1u << i;
    };
    for (int g = 0; g < 8; ++g) {
      set(g, kWords * g);
      if (kMin) set(8 + g, kWords * g + 1);
      set(16 + g % 2 * 8 + g / 2, kWords * g + (kMin ? 2 : 1));
      set(20 + g % 2 * 8 + g / 2, kWords * g + (kMin ? 3 : 2));
    }
    return t;
  }
  HADAL_INLINE static __m512i read(const std::byte* b) {
    static constexpr Table kTable = table();
    const __m512i where = _mm512_load_si512(kTable.from);
    const __m512i front = _mm512_permutex2var_epi16(_mm512_loadu_si512(b), where, _mm512_loadu_si512(b + 64));
    return _mm512_mask_permutexvar_epi16(front, kTable.in_tail, where, _mm512_loadu_si512(b + 2 * kTail));
  }
  // The fifth bits of 64 codes: i is 0 and 1 for the even blocks, 2 and 3 for the odd ones.
  HADAL_INLINE static __mmask64 fifth_bits(__m512i heads, int i) {
    const __m128i two = i < 2 ? _mm512_extracti32x4_epi32(heads, 2) : _mm512_extracti32x4_epi32(heads, 3);
    return static_cast<__mmask64>(i % 2 ? _mm_extract_epi64(two, 1) : _mm_cvtsi128_si64(two));
  }
};
struct Q5_0 {
  static constexpr int64_t kBytes = 8 * 22;
  static constexpr bool kWide = false;
  static constexpr int kBias = 16;
  static constexpr float kSign = -16;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) {
    const std::byte* at = b + v * 44;
    return _mm512_or_si512(two_nibble_blocks(at + 6, at + 28), fifth_bits(at + 2, at + 24));
  }
  using Head = Heads<11, false>;
  HADAL_INLINE static __m512 both(const std::byte* b) {
    return twice(_mm256_cvtph_ps(_mm512_castsi512_si128(Head::read(b))));
  }
};
struct Q5_1 {
  static constexpr int64_t kBytes = 8 * 24;
  static constexpr bool kWide = false;
  static constexpr int kBias = 0;
  static constexpr float kSign = 1;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) {
    const std::byte* at = b + v * 48;
    return _mm512_or_si512(two_nibble_blocks(at + 8, at + 32), fifth_bits(at + 4, at + 28));
  }
  using Head = Heads<12, true>;
  HADAL_INLINE static __m512 both(const std::byte* b) { return _mm512_cvtph_ps(_mm512_castsi512_si256(Head::read(b))); }
};
struct Iq4Nl {
  static constexpr int64_t kBytes = 8 * 18;
  static constexpr bool kWide = false;
  static constexpr int kBias = 128;
  static constexpr float kSign = -128;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) { return iq4_codes(Q4_0::codes(b, v)); }
  HADAL_INLINE static __m512 both(const std::byte* b) { return Q4_0::both(b); }
};
struct Iq4Xs {
  static constexpr int64_t kBytes = 136;
  static constexpr bool kWide = false;
  static constexpr int kBias = 128;
  static constexpr float kSign = -128;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) {
    return iq4_codes(two_nibble_blocks(b + 8 + 32 * v, b + 24 + 32 * v));
  }
  HADAL_INLINE static __m512 both(const std::byte* b) {
    uint32_t low;
    __builtin_memcpy(&low, b + 4, 4);
    const __m256i shifts4 = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28),
                  shifts2 = _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14);
    const __m256i l =
        _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(static_cast<int>(low)), shifts4), _mm256_set1_epi32(15));
    const __m256i h =
        _mm256_and_si256(_mm256_srlv_epi32(_mm256_set1_epi32(read_u16(b + 2)), shifts2), _mm256_set1_epi32(3));
    const __m256i ls = _mm256_sub_epi32(_mm256_or_si256(l, _mm256_slli_epi32(h, 4)), _mm256_set1_epi32(32));
    return twice(_mm256_mul_ps(_mm256_cvtepi32_ps(ls), _mm256_set1_ps(half_at(b))));
  }
};

// Q4_K, Q5_K: [d * scales | dmin * mins] from the block's first 16 bytes.
HADAL_INLINE __m512 k_factors(const std::byte* b) {
  const __m128i head =
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(b));  // d, dmin; words w0, w1, w2 of 6-bit numbers
  const __m128i low = _mm_srlv_epi32(_mm_shuffle_epi32(head, 0b11101101), _mm_setr_epi32(0, 0, 0, 4));
  const __m128i high = _mm_srli_epi32(_mm_shuffle_epi32(head, 0b10000100), 2);
  const __m128i all = _mm_or_si128(_mm_and_si128(low, _mm_setr_epi32(0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f)),
                                   _mm_and_si128(high, _mm_setr_epi32(0, 0x30303030, 0, 0x30303030)));
  const __m512i which = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const __m512 factors = _mm512_permutexvar_ps(which, _mm512_castps128_ps512(_mm_cvtph_ps(head)));
  return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(all)), factors);
}
struct Q4K {
  static constexpr int64_t kBytes = 144;
  static constexpr bool kWide = false;
  static constexpr int kBias = 0;
  static constexpr float kSign = -1;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) { return two_fields(b + 16 + 32 * v, 0, 4, 15); }
  HADAL_INLINE static __m512 both(const std::byte* b) { return k_factors(b); }
};
struct Q5K {
  static constexpr int64_t kBytes = 176;
  static constexpr bool kWide = false;
  static constexpr int kBias = 0;
  static constexpr float kSign = -1;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) {
    return _mm512_or_si512(two_fields(b + 48 + 32 * v, 0, 4, 15), two_bits(b + 16, 2 * v, 2 * v + 1, 4));
  }
  HADAL_INLINE static __m512 both(const std::byte* b) { return k_factors(b); }
};
struct Q6K {
  static constexpr int64_t kBytes = 210;
  static constexpr bool kWide = true;
  static constexpr int kBias = 32;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) {
    const __m512i low = _mm512_loadu_si512(b + v / 2 * 64);
    const __m512i nibbles = _mm512_and_si512(_mm512_srli_epi16(low, v % 2 * 4), _mm512_set1_epi8(15));
    const __m512i high = two_fields(b + 128 + v / 2 * 32, v % 2 * 4, v % 2 * 4 + 2, 3);
    return _mm512_or_si512(nibbles, _mm512_slli_epi16(high, 4));
  }
  HADAL_INLINE static __m512 scales(const std::byte* b) {
    const __m512i s = _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b + 192)));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(s), _mm512_set1_ps(half_at(b + 208)));
  }
};
struct Q3K {
  static constexpr int64_t kBytes = 110;
  static constexpr bool kWide = true;
  static constexpr int kBias = 4;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) {
    return _mm512_or_si512(two_fields(b + 32 + v / 2 * 32, v % 2 * 4, v % 2 * 4 + 2, 3),
                           two_bits(b, 2 * v, 2 * v + 1, 2));
  }
  HADAL_INLINE static __m512 scales(const std::byte* b) {
    int8_t s[16];
    q3_scales(b + 96, s);
    const __m512i wide = _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(s)));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(wide), _mm512_set1_ps(half_at(b + 108)));
  }
};
struct Q2K {
  static constexpr int64_t kBytes = 84;
  static constexpr bool kWide = true;
  static constexpr int kBias = 0;
  HADAL_INLINE static __m512i codes(const std::byte* b, int v) {
    return two_fields(b + 16 + v / 2 * 32, v % 2 * 4, v % 2 * 4 + 2, 3);
  }
  HADAL_INLINE static __m512 scales(const std::byte* b) { return part(b, 0, half_at(b + 80)); }
  HADAL_INLINE static __m512 offsets(const std::byte* b) { return part(b, 4, -half_at(b + 82)); }
  HADAL_INLINE static __m512 part(const std::byte* b, int shift, float factor) {
    const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
    const __m512i s = _mm512_and_si512(_mm512_srli_epi32(bytes, static_cast<unsigned>(shift)), _mm512_set1_epi32(15));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(s), _mm512_set1_ps(factor));
  }
};

template <typename T>  // of groups of 16
HADAL_INLINE __m512 offsets_of(const std::byte* b, __m512 scales) {
  if constexpr (T::kBias != 0)
    return _mm512_mul_ps(scales, _mm512_set1_ps(static_cast<float>(-T::kBias)));
  else
    return T::offsets(b);
}

}  // namespace
}  // namespace hadal::kernels
