// The bf16 product on AMX tiles: 2 x 2 tiles of sums, 32 rows x 32 columns. See level.h.
//
// ldtilecfg is inline assembly because GCC 12's _tile_loadconfig claims to read 8 of the 64 bytes, so stores into the
// rest may be removed.
#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernels/levels/level.h"

namespace hadal::kernels {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

// The rows and columns of C that one step computes, up to 32 each, as two halves of up to 16; the second may be empty.
struct Extent {
  int upper = 0, lower = 0, left = 0, right = 0;
  Extent() = default;
  Extent(int64_t rows, int64_t cols)
      : upper(static_cast<int>(rows < 16 ? rows : 16)),
        lower(static_cast<int>(rows) - upper),
        left(static_cast<int>(cols < 16 ? cols : 16)),
        right(static_cast<int>(cols) - left) {}
  bool operator==(const Extent&) const = default;
};

// Tiles 0-3: sums (upper left, upper right, lower left, lower right); 4, 5: A upper, lower; 6, 7: B left, right. Tiles
// are configured as small as C is at its edges, so that nothing outside C is read or written.
void configure(const Extent& e) {
  TileConfig config;
  const int rows[8] = {e.upper, e.upper, e.lower, e.lower, e.upper, e.lower, 16, 16};
  const int words[8] = {e.left, e.right, e.left, e.right, 16, 16, e.left, e.right};
  for (int t = 0; t < 8; ++t) {
    if (rows[t] == 0 || words[t] == 0) continue;
    config.row_bytes[t] = static_cast<uint16_t>(4 * words[t]);
    config.rows[t] = static_cast<uint8_t>(rows[t]);
  }
  __asm__ volatile("ldtilecfg %0" : : "m"(config) : "memory");
}

// Tiles are configured for one product and released after it, so that the system saves no tile state of idle threads.
struct Configured {
  Extent extent;
  void set(const Extent& e) {
    if (e == extent) return;
    configure(e);
    extent = e;
  }
  ~Configured() { _tile_release(); }
};

int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

// Strides of A in bytes: between the rows of a tile, from a tile to the one below, from a tile to the next along K.
struct Rows {
  int64_t stride, lower, step;
};

// C[rows, cols] = or += A[rows, k] * one panel, for the configured rows and columns; kLower, kRight: the second halves
// are not empty. k is a multiple of 32. Sums start from C when accumulating, so that C carries the same sum from one
// part of K to the next. The lines of C are prefetched into the first-level cache during the sum.
template <bool kLower, bool kRight>
void multiply_tiles(const char* a, const Rows& at, const uint16_t* b, int64_t k, float* c, int64_t ldc, int64_t rows,
                    bool accumulate, Fetch& fetch_here) {
  Fetch fetch = fetch_here;  // a copy, to stay in registers
  const int64_t b_stride = kPanel * 4, c_stride = ldc * 4;
  float* c_lower = c + 16 * ldc;
  const char* c_row = reinterpret_cast<const char*>(c);
  const char* const c_end = c_row + rows * c_stride;
  const int64_t c_rows_per_step = (rows * 32 + k - 1) / k;
  if (accumulate) {
    _tile_loadd(0, c, c_stride);
    if constexpr (kRight) _tile_loadd(1, c + 16, c_stride);
    if constexpr (kLower) _tile_loadd(2, c_lower, c_stride);
    if constexpr (kLower && kRight) _tile_loadd(3, c_lower + 16, c_stride);
  } else {
    _tile_zero(0);
    if constexpr (kRight) _tile_zero(1);
    if constexpr (kLower) _tile_zero(2);
    if constexpr (kLower && kRight) _tile_zero(3);
  }
  for (int64_t i = 0; i < k; i += 32, a += at.step, b += 32 * kPanel) {
    fetch.step();
    for (int64_t r = 0; r < c_rows_per_step && c_row < c_end; ++r, c_row += c_stride) {
      __builtin_prefetch(c_row, 1);
      if constexpr (kRight) __builtin_prefetch(c_row + 64, 1);
    }
    _tile_loadd(6, b, b_stride);
    _tile_loadd(4, a, at.stride);
    if constexpr (kRight) _tile_loadd(7, b + 32, b_stride);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (kRight) _tile_dpbf16ps(1, 4, 7);
    if constexpr (kLower) {
      _tile_loadd(5, a + at.lower, at.stride);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (kRight) _tile_dpbf16ps(3, 5, 7);
    }
  }
  fetch_here = fetch;
  _tile_stored(0, c, c_stride);
  if constexpr (kRight) _tile_stored(1, c + 16, c_stride);
  if constexpr (kLower) _tile_stored(2, c_lower, c_stride);
  if constexpr (kLower && kRight) _tile_stored(3, c_lower + 16, c_stride);
}

// Products of 1 to 32 rows with one panel.
class Group {
 public:
  Group(const Rows& rows_of_a, int64_t k, int64_t ldc, bool accumulate)
      : at_(rows_of_a), k_(k), ldc_(ldc), accumulate_(accumulate) {}

  void multiply(const char* a, const uint16_t* b, float* c, int64_t rows, int64_t cols, Fetch& fetch) {
    const Extent extent(rows, cols);
    tiles_.set(extent);
    const auto multiply = extent.lower   ? extent.right ? multiply_tiles<true, true> : multiply_tiles<true, false>
                            : extent.right ? multiply_tiles<false, true>
                                         : multiply_tiles<false, false>;
    multiply(a, at_, b, k_, c, ldc_, rows, accumulate_, fetch);
  }

 private:
  Rows at_;
  int64_t k_, ldc_;
  bool accumulate_;
  Configured tiles_;
};

// ---- Few rows without tiles ----
//
// Vector multiply-adds, bit-identical to the tiles. tdpbf16ps sums the even elements of 32 along K in order, the odd
// ones likewise, adds the two sums and then adds the result to C; so does this. Tiles treat denormals as zero, so the
// vectors must as well.

class DenormalsAreZero {
 public:
  DenormalsAreZero() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~DenormalsAreZero() { _mm_setcsr(before_); }

 private:
  unsigned before_;
};

constexpr int64_t kTileDepth = 32;
constexpr int kMaxRows = 6;  // x 2 vectors x even and odd = 24 sums of the 32 registers

// C[kRows, 32 columns from `col`] = A * B, a: [k][kFewRows], rounded to bf16; b[i]: row i of B.
template <int kRows>
void multiply_rows(const float* a, const uint16_t* const* b, int64_t k, int64_t col, float* c, int64_t ldc,
                   Fetch& fetch) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
  const __m512i left = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
                right = _mm512_add_epi32(left, _mm512_set1_epi32(8));
  for (int64_t i = 0; i < k; i += kTileDepth) {
    __m512 sums[2][2][kRows];  // [even, odd element along K][even, odd column]
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) sums[0][0][r] = sums[0][1][r] = sums[1][0][r] = sums[1][1][r] = _mm512_setzero_ps();
    const int64_t end = k - i < kTileDepth ? k : i + kTileDepth;
    for (int64_t j = i; j < end; j += 2) {
      fetch.step();
#pragma GCC unroll 2
      for (int odd = 0; odd < 2; ++odd) {
        if (odd && j + 1 == end) break;
        const __m512i pairs = _mm512_loadu_si512(b[j + odd] + col);
        const __m512 b0 = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)),
                     b1 = _mm512_castsi512_ps(_mm512_and_si512(pairs, upper));
#pragma GCC unroll 6
        for (int r = 0; r < kRows; ++r) {
          const __m512 x = _mm512_set1_ps(a[(j + odd) * kFewRows + r]);
          sums[odd][0][r] = _mm512_fmadd_ps(x, b0, sums[odd][0][r]);
          sums[odd][1][r] = _mm512_fmadd_ps(x, b1, sums[odd][1][r]);
        }
      }
    }
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      const __m512 even = _mm512_add_ps(sums[0][0][r], sums[1][0][r]),
                   odd = _mm512_add_ps(sums[0][1][r], sums[1][1][r]);
      float* at = c + r * ldc + col;
      const __m512 old0 = i == 0 ? _mm512_setzero_ps() : _mm512_loadu_ps(at),
                   old1 = i == 0 ? _mm512_setzero_ps() : _mm512_loadu_ps(at + 16);
      _mm512_storeu_ps(at, _mm512_add_ps(old0, _mm512_permutex2var_ps(even, left, odd)));
      _mm512_storeu_ps(at + 16, _mm512_add_ps(old1, _mm512_permutex2var_ps(even, right, odd)));
    }
  }
}

using RowsFn = void (*)(const float*, const uint16_t* const*, int64_t, int64_t, float*, int64_t, Fetch&);
constexpr RowsFn kRowsTable[] = {nullptr,          multiply_rows<1>, multiply_rows<2>, multiply_rows<3>,
                                 multiply_rows<4>, multiply_rows<5>, multiply_rows<6>};

}  // namespace

bool amx_request_permission() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

void multiply_amx(const void* a_block, int64_t lda, const void* panel, int64_t k, float* c, int64_t ldc, int64_t rows,
                  int64_t cols, bool accumulate, Fetch* fetch) {
  const auto* a = static_cast<const char*>(a_block);
  const auto* b = static_cast<const uint16_t*>(panel);
  Group group({lda * 2, lda * 32, 64}, k, ldc, accumulate);
  Fetch following(b + k * kPanel, k * kPanel * 2);
  if (fetch == nullptr) fetch = &following;
  fetch->spread((rows + 31) / 32 * (k / 32));
  for (int64_t r = 0; r < rows; r += 32)
    group.multiply(a + r * lda * 2, b, c + r * ldc, min_of(32, rows - r), cols, *fetch);
}

void multiply_amx_tiles(const TileProduct& p) {
  const auto* a = static_cast<const char*>(p.a);
  const auto* b = static_cast<const uint16_t*>(p.panels);
  const int64_t steps = p.k / 32, groups = (p.rows + 31) / 32, panels = (p.cols + kPanel - 1) / kPanel;
  const int64_t group_bytes = p.lda * 64, bytes = p.k * 64;  // read of a group, and of a panel
  Group group({64, 1024, 2048}, p.k, p.ldc, p.accumulate);
  const auto multiply = [&](int64_t g, int64_t i, Fetch& fetch) {
    group.multiply(a + g * group_bytes, b + i * p.k * kPanel, p.c + g * 32 * p.ldc + i * kPanel,
                   min_of(32, p.rows - 32 * g), min_of(kPanel, p.cols - kPanel * i), fetch);
  };
  if (p.a_stays) {
    for (int64_t i = 0; i < panels; ++i) {
      // A single group reads each line once, in order: the hardware prefetches that itself.
      Fetch fetch(b + (i + 1) * p.k * kPanel, groups > 1 ? bytes : 0);
      fetch.spread(groups * steps);
      for (int64_t g = 0; g < groups; ++g) multiply(g, i, fetch);
    }
  } else {
    for (int64_t g = 0; g < groups; ++g) {
      Fetch fetch(a + (g + 1) * group_bytes, g + 1 < groups ? bytes : 0);
      fetch.spread(panels * steps);
      for (int64_t i = 0; i < panels; ++i) multiply(g, i, fetch);
    }
  }
}

void multiply_rows_amx(const float* a, int64_t lda, const uint16_t* const* b, int64_t k, float* c, int64_t ldc,
                       int64_t rows, int64_t cols, Fetch& fetch) {
  const DenormalsAreZero here;
  alignas(64) float rounded[kFewSteps * kFewRows];
  for (int64_t i = 0; i < k; ++i) {  // rounds to bf16: to the nearest, ties to even; NaN stays NaN
    const __m512 x = _mm512_loadu_ps(a + i * lda);
    const __m512i bits = _mm512_castps_si512(x),
                  odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(bits, odd), _mm512_set1_epi32(0x7fff));
    const __m512i near = _mm512_and_si512(sum, _mm512_set1_epi32(static_cast<int>(0xffff0000)));
    _mm512_store_si512(rounded + i * kFewRows,
                       _mm512_mask_mov_epi32(near, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), bits));
  }
  int64_t groups = (rows + kMaxRows - 1) / kMaxRows;
  fetch.spread(groups * (cols / kPanel) * ((k + 1) / 2));
  for (int64_t r = 0; r < rows; --groups) {
    const int64_t height = (rows - r + groups - 1) / groups;
    for (int64_t col = 0; col < cols; col += kPanel)
      kRowsTable[height](rounded + r, b, k, col, c + r * ldc, ldc, fetch);
    r += height;
  }
}

double spin_amx(int64_t iterations) {
  // Tiles are loaded, not zeroed: zeroed ones are multiplied faster where two programs share a core.
  alignas(64) static const uint16_t values[16 * 32] = {};
  Configured tiles;
  tiles.set(Extent(32, 32));
  _tile_loadd(0, values, 64);
  _tile_loadd(1, values, 64);
  _tile_loadd(2, values, 64);
  _tile_loadd(3, values, 64);
  _tile_loadd(4, values, 64);
  _tile_loadd(5, values, 64);
  _tile_loadd(6, values, 64);
  _tile_loadd(7, values, 64);
  for (int64_t i = 0; i < iterations; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  return 4.0 * 16 * 16 * 32 * 2 * static_cast<double>(iterations);
}

}  // namespace hadal::kernels
#endif
