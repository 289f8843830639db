// Faster unpacking of types whose codes are nibbles. code_columns() unpacks 16 rows side by side for tiles and panels:
// it transposes bytes before it splits them into nibbles, which halves the shuffles. codes_of_halves() unpacks one row
// for dot products: it leaves the nibbles of a byte in the same lane, and RoundedRows::halves has A in the matching
// order.
#pragma once

#include <type_traits>

#include "kernels/levels/transpose_avx512.h"
#include "kernels/quants/quant_unpack_avx512.h"

namespace hadal::kernels {
namespace {

// The layout of 64 bytes of nibbles: the low nibbles of kRun words are 4 * kRun consecutive weights, the high nibbles
// of the same words the next 4 * kRun. raw(b, p): the 64 bytes of weights [128 p, 128 p + 128). kRun 0: this type is
// not unpacked here.
template <typename T>
struct Nibbles {
  static constexpr int kRun = 0;
};

// ---- 16 rows side by side: vector t holds weights [4 t, 4 t + 4) of each row ----

// Transposes 8 words of each of 16 rows: out[i] is word i of every row. x[r] holds those of rows r and r + 4 (r < 4),
// or of rows r + 4 and r + 8 (r >= 4).
HADAL_INLINE void transpose_16x8(const __m512i* x, __m512i* out) {
  __m512i half[2][4];
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m512i a = _mm512_unpacklo_epi32(x[4 * i], x[4 * i + 1]), b = _mm512_unpackhi_epi32(x[4 * i], x[4 * i + 1]);
    const __m512i c = _mm512_unpacklo_epi32(x[4 * i + 2], x[4 * i + 3]),
                  d = _mm512_unpackhi_epi32(x[4 * i + 2], x[4 * i + 3]);
    half[i][0] = _mm512_unpacklo_epi64(a, c), half[i][1] = _mm512_unpackhi_epi64(a, c);
    half[i][2] = _mm512_unpacklo_epi64(b, d), half[i][3] = _mm512_unpackhi_epi64(b, d);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    out[j] = _mm512_shuffle_i32x4(half[0][j], half[1][j], 0x88);
    out[4 + j] = _mm512_shuffle_i32x4(half[0][j], half[1][j], 0xdd);
  }
}
// The same for the 256 bits that read(block) returns.
template <typename Read>
HADAL_INLINE void columns_of_8(const std::byte* const* blocks, __m512i* out, Read&& read) {
  __m512i x[8];
#pragma GCC unroll 8
  for (int r = 0; r < 8; ++r) {
    const int first = r < 4 ? r : r + 4;
    x[r] = _mm512_inserti64x4(_mm512_castsi256_si512(read(blocks[first])), read(blocks[first + 4]), 1);
  }
  transpose_16x8(x, out);
}

// Codes of four bits need no more work. finish(): completes vector t of raw p, low or high (`upper`) nibbles;
// finish_halves(): the same for codes_of_halves().
struct PlainNibbles {
  static constexpr int kHighVectors = 1;
  HADAL_INLINE static void read_high(const std::byte* const*, __m512i*) {}
  HADAL_INLINE static __m512i finish(__m512i nibbles, const __m512i*, int, int, bool) { return nibbles; }
  HADAL_INLINE static void finish_halves(const std::byte*, __m512i*) {}
};
struct Iq4Nibbles : PlainNibbles {
  HADAL_INLINE static __m512i finish(__m512i nibbles, const __m512i*, int, int, bool) { return iq4_codes(nibbles); }
  HADAL_INLINE static void finish_halves(const std::byte*, __m512i* codes) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) codes[i] = iq4_codes(codes[i]);
  }
};
// nibbles | (bits & where)
HADAL_INLINE __m512i with_bits(__m512i nibbles, __m512i bits, int where) {
  return _mm512_ternarylogic_epi32(nibbles, bits, _mm512_set1_epi8(static_cast<char>(where)), 0xf8);
}
// Moves bit `from` of every byte to bit 4; the caller masks the bits of other bytes.
HADAL_INLINE __m512i to_bit4(__m512i x, int from) {
  return from <= 4 ? _mm512_slli_epi16(x, static_cast<unsigned>(4 - from))
                   : _mm512_srli_epi16(x, static_cast<unsigned>(from - 4));
}

template <>
struct Nibbles<Q4K> : PlainNibbles {
  static constexpr int kRun = 8;
  HADAL_INLINE static __m512i raw(const std::byte* b, int p) { return _mm512_loadu_si512(b + 16 + 64 * p); }
};
template <>
struct Nibbles<Q5K> {
  static constexpr int kRun = 8, kHighVectors = 8;
  HADAL_INLINE static __m512i raw(const std::byte* b, int p) { return _mm512_loadu_si512(b + 48 + 64 * p); }
  HADAL_INLINE static void read_high(const std::byte* const* blocks, __m512i* high) {
    columns_of_8(
        blocks, high, [](const std::byte* b) __attribute__((always_inline)) {
          return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + 16));
        });
  }
  HADAL_INLINE static __m512i finish(__m512i nibbles, const __m512i* high, int p, int t, bool upper) {
    return with_bits(nibbles, to_bit4(high[t % 8], 2 * (2 * p + t / 8) + upper), 16);
  }
  HADAL_INLINE static void finish_halves(const std::byte* b, __m512i* codes) {  // bit g of 32 bytes belongs to group g
    const __m512i even = _mm512_setr_epi64(-4, -4, -2, -2, 0, 0, 2, 2),
                  odd = _mm512_setr_epi64(-3, -3, -1, -1, 1, 1, 3, 3);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m512i bits =
          _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b + 16 + 16 * half)));
      codes[half] = with_bits(codes[half], _mm512_rorv_epi64(bits, even), 16);
      codes[2 + half] = with_bits(codes[2 + half], _mm512_rorv_epi64(bits, odd), 16);
    }
  }
};
template <>
struct Nibbles<Q6K> {
  static constexpr int kRun = 16, kHighVectors = 16;
  HADAL_INLINE static __m512i raw(const std::byte* b, int p) { return _mm512_loadu_si512(b + 64 * p); }
  HADAL_INLINE static void read_high(const std::byte* const* blocks, __m512i* high) {
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) high[r] = _mm512_loadu_si512(blocks[r] + 128);
    transpose16(high);
  }
  HADAL_INLINE static __m512i finish(__m512i nibbles, const __m512i* high, int p, int t, bool upper) {
    return with_bits(nibbles, to_bit4(high[8 * p + t % 8], (upper ? 4 : 0) + t / 8 * 2), 48);
  }
};

// Blocks of 32 weights, kStride bytes apart, each with 16 bytes of nibbles: low ones first.
template <int kStride, int kNibbles>
struct BlocksOf32 {
  static constexpr int kRun = 4;
  // The nibbles of groups first, first + step, ...
  HADAL_INLINE static __m512i four_groups(const std::byte* b, int first, int step) {
    const auto group = [&](int i) __attribute__((always_inline)) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(b + (first + i * step) * kStride + kNibbles));
    };
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(group(0)), group(1), 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(group(2)), group(3), 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  HADAL_INLINE static __m512i raw(const std::byte* b, int p) { return four_groups(b, 4 * p, 1); }
};
// A word of fifth bits in each block.
template <typename T, int kStride, int kBits>
struct FifthBits {
  static constexpr int kHighVectors = 8;
  HADAL_INLINE static int32_t word(const std::byte* b, int group) {
    int32_t bits;
    __builtin_memcpy(&bits, b + group * kStride + kBits, 4);
    return bits;
  }
  HADAL_INLINE static void read_high(const std::byte* const* blocks, __m512i* high) {
    columns_of_8(
        blocks, high, [](const std::byte* b) __attribute__((always_inline)) {
          return _mm256_setr_epi32(word(b, 0), word(b, 1), word(b, 2), word(b, 3), word(b, 4), word(b, 5), word(b, 6),
                                   word(b, 7));
        });
  }
  // Moves bit i of four to bit 8 i + 4: a product with the sum of 1 << (4 + 7 i).
  HADAL_INLINE static __m512i finish(__m512i nibbles, const __m512i* high, int p, int t, bool upper) {
    const __m512i four =
        _mm512_and_si512(_mm512_srli_epi32(high[4 * p + t / 4], static_cast<unsigned>(t % 4 * 4 + (upper ? 16 : 0))),
                         _mm512_set1_epi32(15));
    return with_bits(nibbles, _mm512_mullo_epi32(four, _mm512_set1_epi32(0x02040810)), 16);
  }
  HADAL_INLINE static void finish_halves(const std::byte* b, __m512i* codes) {
    const __m512i heads = T::Head::read(b);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
      codes[i] = _mm512_mask_add_epi8(codes[i], T::Head::fifth_bits(heads, i), codes[i], _mm512_set1_epi8(16));
  }
};
template <>
struct Nibbles<Q4_0> : BlocksOf32<18, 2>, PlainNibbles {};
template <>
struct Nibbles<Q4_1> : BlocksOf32<20, 4>, PlainNibbles {};
template <>
struct Nibbles<Q5_0> : BlocksOf32<22, 6>, FifthBits<Q5_0, 22, 2> {};
template <>
struct Nibbles<Q5_1> : BlocksOf32<24, 8>, FifthBits<Q5_1, 24, 4> {};
template <>
struct Nibbles<Iq4Nl> : BlocksOf32<18, 2>, Iq4Nibbles {};
template <>
struct Nibbles<Iq4Xs> : BlocksOf32<16, 8>, Iq4Nibbles {};

// Calls store(t, vector) for the 64 vectors of a super-block's codes; they come in any order.
template <typename T, typename Store>
HADAL_INLINE void code_columns(const std::byte* const* blocks, Store&& store) {
  using Layout = Nibbles<T>;
  if constexpr (Layout::kRun == 0) {
    for (int v = 0; v < 4; ++v) {
      __m512i x[16];
#pragma GCC unroll 16
      for (int r = 0; r < 16; ++r) x[r] = T::codes(blocks[r], v);
      transpose16(x);
#pragma GCC unroll 16
      for (int t = 0; t < 16; ++t) store(v * 16 + t, x[t]);
    }
  } else {
    constexpr int kRun = Layout::kRun;
    const __m512i mask = _mm512_set1_epi8(15);
    __m512i high[Layout::kHighVectors];
    Layout::read_high(blocks, high);
#pragma GCC unroll 2
    for (int p = 0; p < 2; ++p) {
      __m512i x[16];
#pragma GCC unroll 16
      for (int r = 0; r < 16; ++r) x[r] = Layout::raw(blocks[r], p);
      transpose16(x);
#pragma GCC unroll 16
      for (int t = 0; t < 16; ++t) {
        const int at = p * 32 + t / kRun * 2 * kRun + t % kRun;
        store(at, Layout::finish(_mm512_and_si512(x[t], mask), high, p, t, false));
        store(at + kRun, Layout::finish(_mm512_and_si512(_mm512_srli_epi16(x[t], 4), mask), high, p, t, true));
      }
    }
  }
}

// ---- Halves of groups, in the order of RoundedRows::halves ----

template <typename T>
inline constexpr bool kHasHalves = Nibbles<T>::kRun == 4 || Nibbles<T>::kRun == 8;

// codes[0], [1]: first and second halves of the even groups; [2], [3]: of the odd ones.
template <typename T>
HADAL_INLINE void codes_of_halves(const std::byte* b, __m512i* codes) {
  using Layout = Nibbles<T>;
  const __m512i mask = _mm512_set1_epi8(15);
  const auto low = [&](__m512i x) __attribute__((always_inline)) { return _mm512_and_si512(x, mask); };
  const auto high = [&](__m512i x) __attribute__((always_inline)) {
    return _mm512_and_si512(_mm512_srli_epi16(x, 4), mask);
  };
  if constexpr (Layout::kRun == 8) {  // 32 bytes are an even group and, in their high nibbles, an odd one
    const __m512i x = Layout::raw(b, 0), y = Layout::raw(b, 1);
    const __m512i first = _mm512_shuffle_i32x4(x, y, 0x88), second = _mm512_shuffle_i32x4(x, y, 0xdd);
    codes[0] = low(first), codes[1] = low(second), codes[2] = high(first), codes[3] = high(second);
  } else {  // 16 bytes are a whole group
    const __m512i even = Layout::four_groups(b, 0, 2), odd = Layout::four_groups(b, 1, 2);
    codes[0] = low(even), codes[1] = high(even), codes[2] = low(odd), codes[3] = high(odd);
  }
  Layout::finish_halves(b, codes);
}

// ---- Scales and offsets of 16 rows side by side ----

// Q4_K, Q5_K: transposes the headers of 16 blocks to four vectors of words, then takes them byte by byte.
template <typename Scale, typename Offset>
HADAL_INLINE void k_factor_columns(const std::byte* const* blocks, Scale&& scale, Offset&& offset) {
  __m512i x[4];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    const auto head = [&](int row) __attribute__((always_inline)) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks[row]));
    };
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(head(r)), head(4 + r), 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(head(8 + r)), head(12 + r), 1);
    x[r] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  const __m512i a = _mm512_unpacklo_epi32(x[0], x[1]), b = _mm512_unpackhi_epi32(x[0], x[1]);
  const __m512i c = _mm512_unpacklo_epi32(x[2], x[3]), d = _mm512_unpackhi_epi32(x[2], x[3]);
  const __m512i halves = _mm512_unpacklo_epi64(a, c), w0 = _mm512_unpackhi_epi64(a, c),
                w1 = _mm512_unpacklo_epi64(b, d), w2 = _mm512_unpackhi_epi64(b, d);
  const __m512 d_scale = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(halves)),
               d_min = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(halves, 16)));
  const __m512 minus_min = _mm512_sub_ps(_mm512_setzero_ps(), d_min);
  const __m512i six = _mm512_set1_epi8(63), nibble = _mm512_set1_epi8(15), upper = _mm512_set1_epi8(48);
  const __m512i words[4] = {
      _mm512_and_si512(w0, six),
      _mm512_or_si512(_mm512_and_si512(w2, nibble), _mm512_and_si512(_mm512_srli_epi32(w0, 2), upper)),
      _mm512_and_si512(w1, six),
      _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi32(w2, 4), nibble),
                      _mm512_and_si512(_mm512_srli_epi32(w1, 2), upper))};
#pragma GCC unroll 8
  for (int g = 0; g < 8; ++g) {
    const auto byte = [&](__m512i word) __attribute__((always_inline)) {
      return _mm512_cvtepi32_ps(
          _mm512_and_si512(_mm512_srli_epi32(word, static_cast<unsigned>(g % 4 * 8)), _mm512_set1_epi32(255)));
    };
    scale(g, _mm512_mul_ps(byte(words[g / 4]), d_scale));
    offset(g, _mm512_mul_ps(byte(words[2 + g / 4]), minus_min));
  }
}

// Calls scale(g, vector) and, if T has offsets of its own, offset(g, vector) for each group of the super-block.
template <typename T, typename Scale, typename Offset>
HADAL_INLINE void factor_columns(const std::byte* const* blocks, Scale&& scale, Offset&& offset) {
  __m512i x[16];
  if constexpr (T::kWide) {
    for (int r = 0; r < 16; ++r) x[r] = _mm512_castps_si512(T::scales(blocks[r]));
    transpose16(x);
#pragma GCC unroll 16
    for (int g = 0; g < 16; ++g) scale(g, _mm512_castsi512_ps(x[g]));
    if constexpr (T::kBias == 0) {
      for (int r = 0; r < 16; ++r) x[r] = _mm512_castps_si512(T::offsets(blocks[r]));
      transpose16(x);
#pragma GCC unroll 16
      for (int g = 0; g < 16; ++g) offset(g, _mm512_castsi512_ps(x[g]));
    }
  } else if constexpr (std::is_same_v<T, Q4K> || std::is_same_v<T, Q5K>) {
    k_factor_columns(blocks, scale, offset);
  } else if constexpr (T::kBias != 0) {
    columns_of_8(
        blocks, x, [](const std::byte* b) __attribute__((always_inline)) {
          return _mm256_castps_si256(_mm512_castps512_ps256(T::both(b)));
        });
#pragma GCC unroll 8
    for (int g = 0; g < 8; ++g) scale(g, _mm512_castsi512_ps(x[g]));
  } else {
    const __m512 signs = joined(_mm256_set1_ps(1.0f), _mm256_set1_ps(T::kSign));
    for (int r = 0; r < 16; ++r) x[r] = _mm512_castps_si512(_mm512_mul_ps(T::both(blocks[r]), signs));
    transpose16(x);
#pragma GCC unroll 8
    for (int g = 0; g < 8; ++g) scale(g, _mm512_castsi512_ps(x[g])), offset(g, _mm512_castsi512_ps(x[8 + g]));
  }
}

}  // namespace
}  // namespace hadal::kernels
