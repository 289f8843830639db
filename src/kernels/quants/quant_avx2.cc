// Products with quantised matrices in 8-bit integers without VNNI. See quant_kernels.h.
//
// vpmaddubsw sums two products u * q in 16 bits: exact for codes u up to 128, as |q| <= 127. Smaller codes allow sums
// of several vectors before vpmaddwd widens them to 32 bits. Signed codes w are multiplied as |w| times q with the sign
// of w.
#if defined(__x86_64__)
#include "kernels/levels/cpu_features.h"
#include "kernels/quants/quant_unpack_avx2.h"

namespace hadal::kernels {
namespace {

HADAL_INLINE __m256i load_codes(const void* at) { return _mm256_loadu_si256(static_cast<const __m256i*>(at)); }
HADAL_INLINE int sum_of(__m256i x) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0b01001110));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0b10110001));
  return _mm_cvtsi128_si32(s);
}
HADAL_INLINE float sum_of(__m256 x) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// ---- Rows of A ----

HADAL_INLINE float largest_of(const __m256* x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 most = _mm256_setzero_ps();
  for (int i = 0; i < 4; ++i) most = _mm256_max_ps(most, _mm256_andnot_ps(sign, x[i]));
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(most), _mm256_extractf128_ps(most, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

void round_row(const float* x, int64_t n, const RoundedRows& out, int64_t r) {
  for (int64_t g = 0; g < out.k / kGroup; ++g) {
    const int64_t left = n - g * kGroup;
    const float* from = x + g * kGroup;
    alignas(32) float completed[kGroup] = {};
    if (left < kGroup) {
      for (int64_t i = 0; i < left; ++i) completed[i] = from[i];
      from = completed;
    }
    __m256 v[4];
    for (int i = 0; i < 4; ++i) v[i] = _mm256_loadu_ps(from + 8 * i);
    const float largest = largest_of(v), d = largest / 127.0f;
    const __m256 inverse = _mm256_set1_ps(largest > 1e-30f ? 127.0f / largest : 0.0f);
    __m256i q[4];
    for (int i = 0; i < 4; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
    const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
    const __m256i in_order = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.q + r * out.k + g * kGroup), in_order);
    const int sa = sum_of(_mm256_add_epi32(q[0], q[1])), sb = sum_of(_mm256_add_epi32(q[2], q[3]));
    const int64_t at = r * (out.k / kGroup) + g;
    float* factor = out.factors + (at / 8 * 16 + at % 8);
    factor[0] = d;
    factor[8] = d * static_cast<float>(sa + sb);
    out.isum32[at] = -(sa + sb);
    out.sum16[2 * at] = d * static_cast<float>(sa);
    out.sum16[2 * at + 1] = d * static_cast<float>(sb);
    out.isum16[2 * at] = -sa;
    out.isum16[2 * at + 1] = -sb;
  }
}

// ---- Few rows of A: each row of W is read once ----

constexpr int64_t kAhead = 6144;  // bytes that are prefetched ahead

// The 16-bit factors of vpmaddwd for weights [32 v, 32 v + 32): the integer scales of two groups of 16.
struct PairFactors {
  __m256i halves[2];  // 8 of the 16 scales each, repeated in both 128-bit lanes
  HADAL_INLINE __m256i of(int v) const {
    const __m256i first = _mm256_setr_epi32(0x01000100, 0x01000100, 0x01000100, 0x01000100, 0x03020302, 0x03020302,
                                            0x03020302, 0x03020302);
    return _mm256_shuffle_epi8(halves[v / 4], _mm256_add_epi8(first, _mm256_set1_epi8(static_cast<char>(v % 4 * 4))));
  }
};

// The scales and offsets of one super-block, for all rows of A.
template <typename T>
struct Factors {
  __m256 scales;
  Pair offsets;  // groups of 32: one vector
  PairFactors pairs;

  HADAL_INLINE explicit Factors(const std::byte* b) {
    if constexpr (T::kWide) {
      const __m256i numbers = T::numbers(b);
      const float d = T::d(b);
      scales = _mm256_set1_ps(d);
      if constexpr (T::kBias != 0)
        offsets = numbers_times(numbers, static_cast<float>(-T::kBias) * d);
      else
        offsets = numbers_times(T::minima(b), T::dmin(b));
      pairs.halves[0] = _mm256_permute2x128_si256(numbers, numbers, 0x00);
      pairs.halves[1] = _mm256_permute2x128_si256(numbers, numbers, 0x11);
    } else {
      scales = T::scales(b);
      if constexpr (T::kBias != 0)
        offsets.low = _mm256_mul_ps(scales, _mm256_set1_ps(static_cast<float>(-T::kBias)));
      else if constexpr (!T::kSigned)
        offsets.low = T::offsets(b);
    }
  }
  // Sets the scales of the other lanes to 0.
  HADAL_INLINE void keep(__m256 lanes) {
    scales = _mm256_and_ps(scales, lanes);
    if constexpr (!T::kSigned) offsets.low = _mm256_and_ps(offsets.low, lanes);
  }
};

HADAL_INLINE __m256 first_lanes(int64_t n) {
  static constexpr int32_t kMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_ps(reinterpret_cast<const float*>(kMasks + 8 - n));
}

template <int64_t kBytes>
HADAL_INLINE void prefetch_ahead(const std::byte* b) {
  const char* at = reinterpret_cast<const char*>(b) + kAhead;
#pragma GCC unroll 8
  for (int64_t line = 0; line < kBytes; line += 64) _mm_prefetch(at + line, _MM_HINT_T0);
}

// M rows of A times S rows of W at a time: row j of [first, first + count) and those at j + apart, j + 2 * apart, ...
template <typename T, int M, int S>
void dot_streams(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, int64_t first, int64_t count,
                 int64_t apart, float* c, int64_t ldc, bool accumulate) {
  constexpr int kChains = S > 1 ? 1 : M == 1 ? 4 : M <= 3 ? 2 : 1;  // sums that do not wait for each other
  const int64_t row_bytes = w.row_bytes(), k = a.k, supers = k / kSuper;
  const int8_t* const first_q = a.q + first_row * k;
  const float* const factors = a.factors + first_row * supers * 16;
  const float* const sum16 = a.sum16 + first_row * supers * 16;
  const int64_t whole = row_bytes / T::kBytes, own = (row_bytes - whole * T::kBytes) * 8 / T::kBytes;
  const __m256 own_groups = first_lanes(own);
  const std::byte* const end = w.data + w.rows * row_bytes;
  alignas(64) std::byte buffer[T::kBytes];
  alignas(32) float scaled[M][8];
  for (int64_t j = first; j < first + count; ++j) {
    __m256 sums[S][M][kChains];
#pragma GCC unroll 4
    for (int s = 0; s < S; ++s)
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
        for (int n = 0; n < kChains; ++n) sums[s][m][n] = _mm256_setzero_ps();
    for (int64_t i = 0; i < supers; ++i) {
#pragma GCC unroll 4
      for (int s = 0; s < S; ++s) {
        const std::byte* b = super_block_and_more<T>(w.data + (j + s * apart) * row_bytes, i, row_bytes, end, buffer);
        prefetch_ahead<T::kBytes>(b);
        Factors<T> f(b);
        if (!T::kWide && i == whole) f.keep(own_groups);
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m) {
          const int64_t at = (m * supers + i) * 16;
          _mm256_store_ps(scaled[m], _mm256_mul_ps(f.scales, _mm256_loadu_ps(factors + at)));
          if constexpr (T::kWide) {
            sums[s][m][0] = _mm256_fmadd_ps(f.offsets.low, _mm256_loadu_ps(sum16 + at), sums[s][m][0]);
            sums[s][m][kChains - 1] =
                _mm256_fmadd_ps(f.offsets.high, _mm256_loadu_ps(sum16 + at + 8), sums[s][m][kChains - 1]);
          } else if constexpr (!T::kSigned) {
            sums[s][m][0] = _mm256_fmadd_ps(f.offsets.low, _mm256_loadu_ps(factors + at + 8), sums[s][m][0]);
          }
        }
        const int8_t* q = first_q + kSuper * i;
#pragma GCC unroll 8
        for (int v = 0; v < 8; ++v) {
          const __m256i codes = T::codes(b, v);
          const __m256i sizes = T::kSigned ? _mm256_abs_epi8(codes) : codes;
          __m256i pairs = _mm256_set1_epi16(1);
          if constexpr (T::kWide) pairs = f.pairs.of(v);
#pragma GCC unroll 8
          for (int m = 0; m < M; ++m) {
            __m256i x = load_codes(q + m * k + 32 * v);
            if constexpr (T::kSigned) x = _mm256_sign_epi8(x, codes);
            const __m256i products = _mm256_madd_epi16(_mm256_maddubs_epi16(sizes, x), pairs);
            __m256& sum = sums[s][m][v % kChains];
            sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), _mm256_broadcast_ss(&scaled[m][v]), sum);
          }
        }
      }
    }
#pragma GCC unroll 4
    for (int s = 0; s < S; ++s)
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m) {
        __m256 all = sums[s][m][0];
#pragma GCC unroll 4
        for (int n = 1; n < kChains; ++n) all = _mm256_add_ps(all, sums[s][m][n]);
        float& to = c[m * ldc + j + s * apart];
        to = accumulate ? to + sum_of(all) : sum_of(all);
      }
  }
}

template <typename T, int M>
void dot_rows(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, float* c, int64_t ldc, bool accumulate) {
  constexpr int kStreams = M == 1 ? 4 : M == 2 ? 2 : 1;
  const int64_t apart = kStreams > 1 && cpu_features().wants_streams ? w.rows / kStreams : 0;
  dot_streams<T, M, kStreams>(w, a, first_row, 0, apart, apart, c, ldc, accumulate);
  dot_streams<T, M, 1>(w, a, first_row, kStreams * apart, w.rows - kStreams * apart, 0, c, ldc, accumulate);
}

template <typename T>
void dot_type(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, int64_t m, float* c, int64_t ldc,
              bool accumulate) {
  using RowsFn = void (*)(const QuantMatrix&, const RoundedRows&, int64_t, float*, int64_t, bool);
  static constexpr RowsFn kTable[] = {nullptr,        dot_rows<T, 1>, dot_rows<T, 2>, dot_rows<T, 3>, dot_rows<T, 4>,
                                      dot_rows<T, 5>, dot_rows<T, 6>, dot_rows<T, 7>, dot_rows<T, 8>};
  for (int64_t i = 0; i < m; i += 8) {
    const int64_t rows = m - i < 8 ? m - i : 8;
    kTable[rows](w, a, first_row + i, c + i * ldc, ldc, accumulate);
  }
}

void dot(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, int64_t m, float* c, int64_t ldc,
         bool accumulate) {
#define HADAL_CALL(T) dot_type<T>(w, a, first_row, m, c, ldc, accumulate)
  HADAL_FOR_BLOCK_TYPE(w.type, HADAL_CALL)
#undef HADAL_CALL
}

// ---- Many rows of A: 32 rows of W, kDepth of K at a time, are unpacked once for all rows ----

constexpr int64_t kDepth = 512, kCols = 32, kRows = 3;

// Signed codes have half the depth; their absolute values are stored after them.
template <typename T>
inline constexpr int64_t kDepthOf = T::kSigned ? kDepth / 2 : kDepth;

// Unpacked weights. Codes [k / 4][column][k % 4]: 8 columns x 4 of k are one vector. A scale (and an offset) for each
// group of k and column. The two halves of 16 columns are used one after the other.
struct Tile {
  struct Half {
    alignas(64) uint8_t codes[kDepth / 4][16][4];
    alignas(64) float scales[kDepth / 16][16];
    alignas(64) float offsets[kDepth / 16][16];
  } halves[2];
};

// x[r] lane t to x[t] lane r, 8 x 8 lanes of 32 bits.
HADAL_INLINE void transpose8(__m256i* x) {
  __m256i y[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    y[i] = _mm256_unpacklo_epi32(x[i], x[i + 1]);
    y[i + 1] = _mm256_unpackhi_epi32(x[i], x[i + 1]);
  }
  __m256i z[8];  // z[4 h + t]: lanes t and t + 4 of rows 4 h to 4 h + 3
#pragma GCC unroll 2
  for (int h = 0; h < 8; h += 4) {
    z[h] = _mm256_unpacklo_epi64(y[h], y[h + 2]);
    z[h + 1] = _mm256_unpackhi_epi64(y[h], y[h + 2]);
    z[h + 2] = _mm256_unpacklo_epi64(y[h + 1], y[h + 3]);
    z[h + 3] = _mm256_unpackhi_epi64(y[h + 1], y[h + 3]);
  }
#pragma GCC unroll 4
  for (int t = 0; t < 4; ++t) {
    x[t] = _mm256_permute2x128_si256(z[t], z[t + 4], 0x20);
    x[t + 4] = _mm256_permute2x128_si256(z[t], z[t + 4], 0x31);
  }
}

// Stores 8 groups of 8 rows, of(r) being those of row r, to columns [col, col + 8) of to[group].
template <typename Of>
HADAL_INLINE void store_groups(Of of, float (*to)[16], int64_t col) {
  __m256i x[8];
#pragma GCC unroll 8
  for (int r = 0; r < 8; ++r) x[r] = _mm256_castps_si256(of(r));
  transpose8(x);
#pragma GCC unroll 8
  for (int g = 0; g < 8; ++g) _mm256_store_si256(reinterpret_cast<__m256i*>(to[g] + col), x[g]);
}

// Stores the scales and offsets of 8 blocks, group by group.
template <typename T>
HADAL_INLINE void store_factors(const std::byte* const* blocks, int64_t group, int64_t col, Tile::Half& half) {
  float(*scales)[16] = half.scales + group, (*offsets)[16] = half.offsets + group;
  if constexpr (T::kWide) {
    store_groups([&](int r) { return numbers_times(T::numbers(blocks[r]), T::d(blocks[r])).low; }, scales, col);
    store_groups([&](int r) { return numbers_times(T::numbers(blocks[r]), T::d(blocks[r])).high; }, scales + 8, col);
    if constexpr (kHasOffsets<T>) {
      store_groups([&](int r) { return numbers_times(T::minima(blocks[r]), T::dmin(blocks[r])).low; }, offsets, col);
      store_groups([&](int r) { return numbers_times(T::minima(blocks[r]), T::dmin(blocks[r])).high; }, offsets + 8,
                   col);
    }
  } else {
    store_groups([&](int r) { return T::scales(blocks[r]); }, scales, col);
    if constexpr (kHasOffsets<T>) store_groups([&](int r) { return T::offsets(blocks[r]); }, offsets, col);
  }
}

// Unpacks super-blocks [first, first + count) of 8 rows of W from `row` on; rows beyond w.rows become zeros.
template <typename T>
void unpack8(const QuantMatrix& w, int64_t row, int64_t first, int64_t count, int64_t col, Tile::Half& half) {
  constexpr int kGroups = T::kWide ? 16 : 8;
  const int64_t row_bytes = w.row_bytes();
  alignas(64) std::byte buffer[8][T::kBytes];
  for (int64_t i = 0; i < count; ++i) {
    const std::byte* blocks[8];
    for (int r = 0; r < 8; ++r) {
      if (row + r < w.rows) {
        blocks[r] = super_block<T>(w.data + (row + r) * row_bytes, first + i, row_bytes, buffer[r]);
        const char* next = reinterpret_cast<const char*>(blocks[r]) + T::kBytes;
        for (int64_t line = 0; line < T::kBytes; line += 64) _mm_prefetch(next + line, _MM_HINT_T0);
      } else {
        __builtin_memset(buffer[r], 0, T::kBytes);
        blocks[r] = buffer[r];
      }
    }
    store_factors<T>(blocks, i * kGroups, col, half);
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) {
      __m256i x[8];
#pragma GCC unroll 8
      for (int r = 0; r < 8; ++r) x[r] = T::codes(blocks[r], v);
      transpose8(x);
#pragma GCC unroll 8
      for (int t = 0; t < 8; ++t) {
        const int64_t step = i * 64 + v * 8 + t;
        _mm256_store_si256(reinterpret_cast<__m256i*>(half.codes[step][col]), x[t]);
        if (T::kSigned)
          _mm256_store_si256(reinterpret_cast<__m256i*>(half.codes[step + kDepth / 8][col]), _mm256_abs_epi8(x[t]));
      }
    }
  }
}

HADAL_INLINE __m256i four_of(const int8_t* q) {
  int32_t four;
  __builtin_memcpy(&four, q, 4);
  return _mm256_set1_epi32(four);
}

// Keeps a chain of additions: GCC would make a tree of it and run out of registers.
HADAL_INLINE void hold(__m256i& x) { asm("" : "+x"(x)); }

// Integer sums of one group: R rows of A times 16 columns, kSteps steps of 4 weights.
template <typename T, int R, int kSteps>
HADAL_INLINE void group_sums(const uint8_t (*codes)[16][4], const int8_t* q, int64_t lda, __m256i (*sums)[2]) {
  // The number of steps whose sums fit 16 bits: each adds at most 2 * kMax * 127.
  constexpr int kFit = T::kMax <= 15   ? 8
                       : T::kMax <= 31 ? 4
                       : T::kMax <= 63 ? 2
                                       : 1,
                kRun = kFit < kSteps ? kFit : kSteps;
  const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 8
  for (int first = 0; first < kSteps; first += kRun) {
    __m256i words[R][2];
#pragma GCC unroll 8
    for (int s = first; s < first + kRun; ++s) {
      const __m256i w[2] = {load_codes(codes[s][0]), load_codes(codes[s][8])};
      const uint8_t(*size)[4] = codes[T::kSigned ? s + kDepth / 8 : s];
      const __m256i sizes[2] = {load_codes(size[0]), load_codes(size[8])};
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const __m256i x = four_of(q + r * lda + 4 * s);
#pragma GCC unroll 2
        for (int h = 0; h < 2; ++h) {
          const __m256i two = _mm256_maddubs_epi16(sizes[h], T::kSigned ? _mm256_sign_epi8(x, w[h]) : x);
          words[r][h] = s == first ? two : _mm256_add_epi16(words[r][h], two);
          hold(words[r][h]);
          if (s + 1 < first + kRun) continue;
          const __m256i wide = _mm256_madd_epi16(words[r][h], ones);
          sums[r][h] = first == 0 ? wide : _mm256_add_epi32(sums[r][h], wide);
          hold(sums[r][h]);
        }
      }
    }
  }
}

HADAL_INLINE __m256 load_part(const float* from, int64_t count) {
  if (count >= 8) return _mm256_loadu_ps(from);
  alignas(32) float part[8] = {};
  for (int64_t i = 0; i < count; ++i) part[i] = from[i];
  return _mm256_load_ps(part);
}
HADAL_INLINE void store_part(float* to, __m256 x, int64_t count) {
  if (count >= 8) return _mm256_storeu_ps(to, x);
  alignas(32) float part[8];
  _mm256_store_ps(part, x);
  for (int64_t i = 0; i < count; ++i) to[i] = part[i];
}

// R rows of A times 16 columns of the tile, of which C has `cols`. The tile's first element along K is `k` of A.
template <typename T, int R>
void tile_rows(const Tile::Half& tile, const RoundedRows& a, int64_t row, int64_t k, int64_t depth, float* c,
               int64_t ldc, int64_t cols, bool accumulate) {
  constexpr int kSteps = T::kWide ? 4 : 8, kSize = 4 * kSteps;
  const int64_t groups = a.k / kGroup;
  const float* factors = a.factor(row, k / kGroup);  // k is a multiple of kSuper
  const float* sums = a.sum16 + row * 2 * groups + k / 16;
  const int8_t* q = a.q + row * a.k + k;
  __m256 f[R][2];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) f[r][h] = _mm256_setzero_ps();
  for (int64_t g = 0; g < depth / kSize; ++g) {
    __m256i i[R][2];
    group_sums<T, R, kSteps>(tile.codes + g * kSteps, q + g * kSize, a.k, i);
    const int64_t group = g * kSize / kGroup;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const float* d = factors + r * 2 * groups + group / 8 * 16 + group % 8;
      const __m256 factor = _mm256_broadcast_ss(d);
      const __m256 sum = _mm256_broadcast_ss(T::kWide ? sums + r * 2 * groups + g : d + 8);
      const __m256 bias = _mm256_mul_ps(sum, _mm256_set1_ps(static_cast<float>(-T::kBias)));
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h) {
        const __m256 number = _mm256_cvtepi32_ps(i[r][h]);
        const __m256 exact = T::kBias != 0 ? _mm256_fmadd_ps(number, factor, bias) : _mm256_mul_ps(number, factor);
        f[r][h] = _mm256_fmadd_ps(exact, _mm256_load_ps(tile.scales[g] + 8 * h), f[r][h]);
        if constexpr (kHasOffsets<T>) f[r][h] = _mm256_fmadd_ps(_mm256_load_ps(tile.offsets[g] + 8 * h), sum, f[r][h]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      float* to = c + r * ldc + 8 * h;
      if (accumulate) f[r][h] = _mm256_add_ps(f[r][h], load_part(to, cols - 8 * h));
      store_part(to, f[r][h], cols - 8 * h);
    }
}

template <typename T>
void tile_type(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, int64_t m, float* c, int64_t ldc,
               bool accumulate, Tile& tile) {
  using RowsFn =
      void (*)(const Tile::Half&, const RoundedRows&, int64_t, int64_t, int64_t, float*, int64_t, int64_t, bool);
  static constexpr RowsFn kTable[] = {nullptr, tile_rows<T, 1>, tile_rows<T, 2>, tile_rows<T, 3>};
  for (int64_t col = 0; col < w.rows; col += kCols) {
    const int64_t cols = w.rows - col < kCols ? w.rows - col : kCols;
    for (int64_t k = 0; k < a.k; k += kDepthOf<T>) {
      const int64_t depth = a.k - k < kDepthOf<T> ? a.k - k : kDepthOf<T>;
      for (int64_t j = 0; j < cols; j += 8)
        unpack8<T>(w, col + j, k / kSuper, depth / kSuper, j % 16, tile.halves[j / 16]);
      for (int64_t r = 0; r < m; r += kRows) {
        const int64_t height = m - r < kRows ? m - r : kRows;
        for (int64_t j = 0; j < cols; j += 16)
          kTable[height](tile.halves[j / 16], a, first_row + r, k, depth, c + r * ldc + col + j, ldc, cols - j,
                         accumulate || k > 0);
      }
    }
  }
}

void tile(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, int64_t m, float* c, int64_t ldc,
          bool accumulate, void* scratch) {
  Tile& memory = *static_cast<Tile*>(scratch);
#define HADAL_CALL(T) tile_type<T>(w, a, first_row, m, c, ldc, accumulate, memory)
  HADAL_FOR_BLOCK_TYPE(w.type, HADAL_CALL)
#undef HADAL_CALL
}

}  // namespace

const QuantKernels& quant_avx2() {
  static constexpr QuantKernels kTable = {round_row, dot, tile, sizeof(Tile)};
  return kTable;
}

}  // namespace hadal::kernels
#endif
