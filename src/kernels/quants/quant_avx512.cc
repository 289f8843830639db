// Products with quantised matrices in 8-bit integers (VNNI). See quant_kernels.h.
#if defined(__x86_64__)
#include "kernels/levels/cpu_features.h"
#include "kernels/levels/level.h"
#include "kernels/quants/quant_nibbles_avx512.h"

namespace hadal::kernels {
namespace {

// ---- Rows of A ----

HADAL_INLINE __m512 load_part(const float* x, int64_t left) {
  const uint32_t mask = left >= 16 ? 0xffffu : left <= 0 ? 0u : (1u << left) - 1u;
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), x);
}

void round_row(const float* x, int64_t n, const RoundedRows& out, int64_t r) {
  for (int64_t g = 0; g < out.k / kGroup; ++g) {
    const __m512 a = load_part(x + g * 32, n - g * 32), b = load_part(x + g * 32 + 16, n - g * 32 - 16);
    const float largest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
    const float d = largest / 127.0f;
    const __m512 inverse = _mm512_set1_ps(largest > 0 ? 127.0f / largest : 0.0f);
    const __m512i qa = _mm512_cvtps_epi32(_mm512_mul_ps(a, inverse)),
                  qb = _mm512_cvtps_epi32(_mm512_mul_ps(b, inverse));
    const __m128i first = _mm512_cvtsepi32_epi8(qa), second = _mm512_cvtsepi32_epi8(qb);
    int8_t* q = out.q + r * out.k + g * 32;
    int8_t* halves = out.halves + r * out.k + g / 8 * 256 + g % 2 * 128 + g % 8 / 2 * 16;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q), first);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q + 16), second);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(halves), first);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(halves + 64), second);
    const int sa = _mm512_reduce_add_epi32(qa), sb = _mm512_reduce_add_epi32(qb);
    const int64_t at = r * (out.k / 32) + g;
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

constexpr int64_t kAhead = 6144;  // bytes that are prefetched ahead: the best of those tried, a sixth faster than 2048

// The index of the scale (of 8, or 16) of each lane of the sums of weights [64 v, 64 v + 64): a lane sums 4 weights.
template <bool kWide>
HADAL_INLINE __m512i lane_groups(int v) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm512_add_epi32(_mm512_srli_epi32(lane, kWide ? 2 : 3), _mm512_set1_epi32(kWide ? 4 * v : 2 * v));
}

// A super-block of W in registers, to be multiplied with several rows of A.
template <typename T>
class Block {
 public:
  // Super-block i of the row at `row`; `end`: the end of W.
  HADAL_INLINE Block(const std::byte* row, int64_t i, int64_t row_bytes, __mmask16 own_lanes, const std::byte* end,
                     std::byte* buffer) {
    const std::byte* b = super_block_and_more<T>(row, i, row_bytes, end, buffer);
    const char* next = reinterpret_cast<const char*>(b) + kAhead;
#pragma GCC unroll 4
    for (int64_t line = 0; line < T::kBytes && line < 256; line += 64) _mm_prefetch(next + line, _MM_HINT_T0);
    if constexpr (T::kWide)
      scales_ = T::scales(b), offsets_ = offsets_of<T>(b, scales_);
    else
      scales_ = _mm512_maskz_mov_ps((i + 1) * T::kBytes <= row_bytes ? 0xffff : own_lanes, T::both(b));
    if constexpr (kHasHalves<T>) {
      codes_of_halves<T>(b, codes_);
    } else {
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) codes_[v] = T::codes(b, v);
    }
  }

  // Adds the product with super-block i of row r of A. Two chains of sums (which may be the same) and one of offsets.
  HADAL_INLINE void add(const RoundedRows& a, int64_t r, int64_t i, __m512& even, __m512& odd,
                        __m512& offset_sum) const {
    const int64_t supers = a.k / kSuper;
    const __m512 factors = _mm512_loadu_ps(a.factors + (r * supers + i) * 16);
    __m512 scaled;
    if constexpr (T::kWide) {
      const __m512i doubled = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
      scaled = _mm512_mul_ps(scales_, _mm512_permutexvar_ps(doubled, factors));
      offset_sum = _mm512_fmadd_ps(offsets_, _mm512_loadu_ps(a.sum16 + (r * supers + i) * 16), offset_sum);
    } else {
      scaled = _mm512_mul_ps(scales_, factors);
      offset_sum = _mm512_mask_add_ps(offset_sum, 0xff00, offset_sum, scaled);
    }
    const int8_t* q = (kHasHalves<T> ? a.halves : a.q) + r * a.k + kSuper * i;
    if constexpr (kHasHalves<T>) {
      const __m512i parity[2] = {_mm512_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6),
                                 _mm512_setr_epi32(1, 1, 1, 1, 3, 3, 3, 3, 5, 5, 5, 5, 7, 7, 7, 7)};
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        const __m512i first =
            _mm512_dpbusd_epi32(_mm512_setzero_si512(), codes_[2 * half], _mm512_loadu_si512(q + 128 * half));
        const __m512i both = _mm512_dpbusd_epi32(first, codes_[2 * half + 1], _mm512_loadu_si512(q + 128 * half + 64));
        __m512& sum = half ? odd : even;
        sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(both), _mm512_permutexvar_ps(parity[half], scaled), sum);
      }
    } else {
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        const __m512i products = _mm512_dpbusd_epi32(_mm512_setzero_si512(), codes_[v], _mm512_loadu_si512(q + 64 * v));
        __m512& sum = v % 2 ? odd : even;
        sum =
            _mm512_fmadd_ps(_mm512_cvtepi32_ps(products), _mm512_permutexvar_ps(lane_groups<T::kWide>(v), scaled), sum);
      }
    }
  }

 private:
  __m512 scales_, offsets_;
  __m512i codes_[4];
};

// The lanes of the groups that exist in a row's last, shorter super-block.
template <typename T>
HADAL_INLINE __mmask16 own_lanes(int64_t row_bytes) {
  const int64_t own = row_bytes % T::kBytes * 8 / T::kBytes;
  return static_cast<__mmask16>(((1 << own) - 1) * 0x101);
}
template <typename T>
HADAL_INLINE void store_sum(__m512 sums, __m512 offset_sums, float& to, bool accumulate) {
  constexpr float kSign = [] {
    if constexpr (T::kWide)
      return 1.0f;
    else
      return T::kSign;
  }();
  const float sum = _mm512_reduce_add_ps(_mm512_fmadd_ps(offset_sums, _mm512_set1_ps(kSign), sums));
  to = accumulate ? to + sum : sum;
}

// M rows of A times S rows of W at a time: row j of [first, first + count) and those at j + apart, j + 2 * apart, ...
template <typename T, int M, int S>
void dot_streams(const QuantMatrix& w, const RoundedRows& a, int64_t r, int64_t first, int64_t count, int64_t apart,
                 float* c, int64_t ldc, bool accumulate) {
  const int64_t row_bytes = w.row_bytes(), supers = a.k / kSuper;
  const std::byte* const end = w.data + w.rows * row_bytes;
  const __mmask16 lanes = own_lanes<T>(row_bytes);
  alignas(64) std::byte buffer[T::kBytes];
  for (int64_t j = first; j < first + count; ++j) {
    __m512 sums[S * M], offset_sums[S * M], more[S];  // `more`: a second chain of sums if M is 1
#pragma GCC unroll 8
    for (int i = 0; i < S * M; ++i) sums[i] = offset_sums[i] = _mm512_setzero_ps();
#pragma GCC unroll 4
    for (int s = 0; s < S; ++s) more[s] = _mm512_setzero_ps();
    for (int64_t i = 0; i < supers; ++i) {
#pragma GCC unroll 4
      for (int s = 0; s < S; ++s) {
        const Block<T> block(w.data + (j + s * apart) * row_bytes, i, row_bytes, lanes, end, buffer);
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m)
          block.add(a, r + m, i, sums[s * M + m], M == 1 ? more[s] : sums[s * M + m], offset_sums[s * M + m]);
      }
    }
#pragma GCC unroll 4
    for (int s = 0; s < S; ++s)
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m)
        store_sum<T>(M == 1 ? _mm512_add_ps(sums[s], more[s]) : sums[s * M + m], offset_sums[s * M + m],
                     c[m * ldc + j + s * apart], accumulate);
  }
}

template <typename T, int M>
void dot_rows(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, float* c, int64_t ldc, bool accumulate) {
  constexpr int kStreams = M <= 2 ? 4 : M <= 4 ? 2 : 1;
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

constexpr int64_t kDepth = 512, kCols = 32;

// Unpacked weights. Codes [k / 4][column][k % 4]: 16 columns x 4 of k are one vector, the operand of vpdpbusd. A scale
// (and an offset) for each group of k and column.
struct Tile {
  alignas(64) uint8_t codes[kDepth / 4][kCols][4];
  alignas(64) float scales[kDepth / 16][kCols];
  alignas(64) float offsets[kDepth / 16][kCols];
};

// Unpacks super-blocks [first, first + count) of 16 rows of W from `row` on; rows beyond w.rows become zeros.
template <typename T>
void unpack16(const QuantMatrix& w, int64_t row, int64_t first, int64_t count, int64_t half, Tile& tile, Fetch& fetch) {
  constexpr int kGroups = T::kWide ? 16 : 8;
  const int64_t row_bytes = w.row_bytes(), whole = row_bytes / T::kBytes,
                own = (row_bytes - whole * T::kBytes) * 8 / T::kBytes;
  const std::byte* const end = w.data + w.rows * row_bytes;
  alignas(64) std::byte buffer[16][T::kBytes];
  for (int64_t i = 0; i < count; ++i) {
    const std::byte* blocks[16];
    for (int r = 0; r < 16; ++r) {
      fetch.step();
      if (row + r < w.rows) {
        blocks[r] = super_block_and_more<T>(w.data + (row + r) * row_bytes, first + i, row_bytes, end, buffer[r]);
      } else {
        __builtin_memset(buffer[r], 0, T::kBytes);
        blocks[r] = buffer[r];
      }
    }
    const int groups = !T::kWide && first + i == whole ? static_cast<int>(own) : kGroups;
    const auto kept = [&](int g, __m512 x) __attribute__((always_inline)) {
      return g < groups ? x : _mm512_setzero_ps();
    };
    const auto scale = [&](int g, __m512 x) __attribute__((always_inline)) {
      _mm512_store_ps(&tile.scales[i * kGroups + g][half * 16], kept(g, x));
    };
    const auto offset = [&](int g, __m512 x) __attribute__((always_inline)) {
      _mm512_store_ps(&tile.offsets[i * kGroups + g][half * 16], kept(g, x));
    };
    const auto code = [&](int t, __m512i x) __attribute__((always_inline)) {
      _mm512_store_si512(tile.codes[i * 64 + t][half * 16], x);
    };
    factor_columns<T>(blocks, scale, offset);
    code_columns<T>(blocks, code);
  }
}

// R rows of A times the tile, whose first element along K is `k` of A. `left`, `right`: the columns that C has.
template <typename T, int R>
void tile_rows(const Tile& tile, const RoundedRows& a, int64_t row, int64_t k, int64_t depth, float* c, int64_t ldc,
               __mmask16 left, __mmask16 right, bool accumulate, Fetch& fetch) {
  constexpr int64_t kSteps = T::kWide ? 4 : 8, kSize = 4 * kSteps;
  const int64_t groups = a.k / kGroup;
  const float* factors = a.factor(row, k / kGroup);  // k is a multiple of kSuper
  const float* sums = a.sum16 + row * 2 * groups + k / 16;
  const int32_t* isums = T::kWide ? a.isum16 + row * 2 * groups + k / 16 : a.isum32 + row * groups + k / kGroup;
  const int64_t sum_stride = T::kWide ? 2 * groups : groups;
  const int8_t* q = a.q + row * a.k + k;
  __m512 f0[R], f1[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    f0[r] = accumulate ? _mm512_maskz_loadu_ps(left, c + r * ldc) : _mm512_setzero_ps();
    f1[r] = accumulate ? _mm512_maskz_loadu_ps(right, c + r * ldc + 16) : _mm512_setzero_ps();
  }
  for (int64_t g = 0; g < depth / kSize; ++g) {
    fetch.step();
    __m512i i0[R], i1[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      if constexpr (T::kBias != 0)
        i0[r] = i1[r] = _mm512_slli_epi32(_mm512_set1_epi32(isums[r * sum_stride + g]), __builtin_ctz(T::kBias));
      else
        i0[r] = i1[r] = _mm512_setzero_si512();
    }
    const uint8_t* codes = tile.codes[g * kSteps][0];
#pragma GCC unroll 8
    for (int64_t s = 0; s < kSteps; ++s) {
      const __m512i w0 = _mm512_load_si512(codes + s * 128), w1 = _mm512_load_si512(codes + s * 128 + 64);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        int32_t four;
        __builtin_memcpy(&four, q + r * a.k + g * kSize + 4 * s, 4);
        const __m512i x = _mm512_set1_epi32(four);
        i0[r] = _mm512_dpbusd_epi32(i0[r], w0, x);
        i1[r] = _mm512_dpbusd_epi32(i1[r], w1, x);
      }
    }
    const __m512 s0 = _mm512_load_ps(tile.scales[g]), s1 = _mm512_load_ps(tile.scales[g] + 16);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const int64_t group = g * kSize / kGroup;
      const float* d = factors + r * 2 * groups + group / 8 * 16 + group % 8;
      const __m512 factor = _mm512_set1_ps(d[0]);
      f0[r] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(i0[r]), s0), factor, f0[r]);
      f1[r] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(i1[r]), s1), factor, f1[r]);
      if constexpr (T::kBias == 0) {
        const __m512 sum = _mm512_set1_ps(T::kWide ? sums[r * sum_stride + g] : d[8]);
        f0[r] = _mm512_fmadd_ps(_mm512_load_ps(tile.offsets[g]), sum, f0[r]);
        f1[r] = _mm512_fmadd_ps(_mm512_load_ps(tile.offsets[g] + 16), sum, f1[r]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    _mm512_mask_storeu_ps(c + r * ldc, left, f0[r]);
    _mm512_mask_storeu_ps(c + r * ldc + 16, right, f1[r]);
  }
}

template <typename T>
void tile_type(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, int64_t m, float* c, int64_t ldc,
               bool accumulate, Tile& tile) {
  using RowsFn = void (*)(const Tile&, const RoundedRows&, int64_t, int64_t, int64_t, float*, int64_t, __mmask16,
                          __mmask16, bool, Fetch&);
  static constexpr RowsFn kTable[] = {nullptr,         tile_rows<T, 1>, tile_rows<T, 2>, tile_rows<T, 3>,
                                      tile_rows<T, 4>, tile_rows<T, 5>, tile_rows<T, 6>};
  constexpr int64_t kRows = 6;
  Fetch(w.data, (w.rows < kCols ? w.rows : kCols) * w.row_bytes()).finish();
  for (int64_t col = 0; col < w.rows; col += kCols) {
    const int64_t cols = w.rows - col < kCols ? w.rows - col : kCols;
    const uint32_t mask = cols >= 32 ? 0xffffffffu : (1u << cols) - 1u;
    // Prefetches the next rows of W, which are contiguous, while these are unpacked and multiplied; the hardware does
    // not follow the order of unpacking.
    const int64_t after = w.rows - col - cols < kCols ? w.rows - col - cols : kCols,
                  groups = a.k / (T::kWide ? 16 : 32);
    Fetch fetch(w.data + (col + cols) * w.row_bytes(), after * w.row_bytes());
    fetch.spread(a.k / kSuper * 32 + groups * ((m + kRows - 1) / kRows));
    for (int64_t k = 0; k < a.k; k += kDepth) {
      const int64_t depth = a.k - k < kDepth ? a.k - k : kDepth;
      unpack16<T>(w, col, k / kSuper, depth / kSuper, 0, tile, fetch);
      unpack16<T>(w, col + 16, k / kSuper, depth / kSuper, 1, tile, fetch);
      int64_t sets = (m + kRows - 1) / kRows;
      for (int64_t r = 0; r < m; --sets) {
        const int64_t height = (m - r + sets - 1) / sets;
        kTable[height](tile, a, first_row + r, k, depth, c + r * ldc + col, ldc, static_cast<__mmask16>(mask),
                       static_cast<__mmask16>(mask >> 16), accumulate || k > 0, fetch);
        r += height;
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

const QuantKernels& quant_avx512_vnni() {
  static constexpr QuantKernels kTable = {round_row, dot, tile, sizeof(Tile)};
  return kTable;
}

}  // namespace hadal::kernels
#endif
