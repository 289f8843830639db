// The bf16 product on AMX tiles: 2 x 2 tiles of sums, 32 rows x 32 columns. See level.h.
//
// Tile instructions stand in inline assembly where the compiler's own word for them is unsafe: GCC 12's
// _tile_loadconfig claims to read 8 of the 64 bytes, so stores into the rest may vanish.
#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernels/level.h"

namespace hadal::kernels {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

// Tiles 0-3: sums (upper left, upper right, lower left, lower right); 4, 5: A upper, lower; 6, 7: B left, right.
void configure(int upper, int lower) {
  TileConfig config;
  const int rows[8] = {upper, upper, lower, lower, upper, lower, 16, 16};
  for (int t = 0; t < 8; ++t) {
    config.row_bytes[t] = rows[t] ? 64 : 0;
    config.rows[t] = static_cast<uint8_t>(rows[t]);
  }
  __asm__ volatile("ldtilecfg %0" : : "m"(config) : "memory");
}

// Tiles are configured while a product runs and released after it, so the system saves no tile state for idle threads.
struct Configured {
  int upper = 0, lower = 0;
  void want(int u, int l) {
    if (u == upper && l == lower) return;
    configure(u, l);
    upper = u, lower = l;
  }
  ~Configured() { _tile_release(); }
};

// Sums that do not fill 32 columns of C pass through here.
struct alignas(64) Buffer {
  float sums[32 * kPanel];

  void load(const float* c, int64_t ldc, int rows, __mmask16 left, __mmask16 right) {
    for (int r = 0; r < rows; ++r) {
      _mm512_store_ps(sums + r * kPanel, _mm512_maskz_loadu_ps(left, c + r * ldc));
      _mm512_store_ps(sums + r * kPanel + 16, _mm512_maskz_loadu_ps(right, c + r * ldc + 16));
    }
    __asm__ volatile("" : : : "memory");  // tileloadd does not tell the compiler what it reads
  }
  void store(float* c, int64_t ldc, int rows, __mmask16 left, __mmask16 right) const {
    for (int r = 0; r < rows; ++r) {
      _mm512_mask_storeu_ps(c + r * ldc, left, _mm512_load_ps(sums + r * kPanel));
      _mm512_mask_storeu_ps(c + r * ldc + 16, right, _mm512_load_ps(sums + r * kPanel + 16));
    }
  }
};

// Brings near what comes next, a few lines at each step along K, so that no row waits for it: the next panel of B to the
// second-level cache, the lines of C that this group will write to the first.
struct Fetch {
  const char* b;
  const char* b_end;
  int64_t b_lines_per_step;

  void step_b() {
    for (int64_t i = 0; i < b_lines_per_step && b < b_end; ++i, b += 64) _mm_prefetch(b, _MM_HINT_T1);
  }
};

// How A lies: bytes between the rows of a tile, from a tile to the lower one, and from a tile to the next along K.
struct Rows {
  int64_t stride, lower, step;
};

// Sums start from C when accumulating, from zero otherwise. All of `k` (a multiple of 32) on 1 to 32 rows.
template <bool kLower>
void multiply_tiles(const char* a, const Rows& at, const uint16_t* b, int64_t k, float* c, int64_t ldc, int64_t rows,
                    bool accumulate, Fetch& fetch) {
  const int64_t b_stride = kPanel * 4, c_stride = ldc * 4;
  float* c_lower = c + 16 * ldc;
  const char* c_row = reinterpret_cast<const char*>(c);
  const char* const c_end = c_row + rows * c_stride;
  const int64_t c_rows_per_step = (rows * 32 + k - 1) / k;
  if (accumulate) {
    _tile_loadd(0, c, c_stride);
    _tile_loadd(1, c + 16, c_stride);
    if constexpr (kLower) {
      _tile_loadd(2, c_lower, c_stride);
      _tile_loadd(3, c_lower + 16, c_stride);
    }
  } else {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (kLower) {
      _tile_zero(2);
      _tile_zero(3);
    }
  }
  for (int64_t i = 0; i < k; i += 32, a += at.step, b += 32 * kPanel) {
    fetch.step_b();
    for (int64_t r = 0; r < c_rows_per_step && c_row < c_end; ++r, c_row += c_stride) {
      __builtin_prefetch(c_row, 1);
      __builtin_prefetch(c_row + 64, 1);
    }
    _tile_loadd(6, b, b_stride);
    _tile_loadd(4, a, at.stride);
    _tile_loadd(7, b + 32, b_stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (kLower) {
      _tile_loadd(5, a + at.lower, at.stride);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, c, c_stride);
  _tile_stored(1, c + 16, c_stride);
  if constexpr (kLower) {
    _tile_stored(2, c_lower, c_stride);
    _tile_stored(3, c_lower + 16, c_stride);
  }
}

// A's groups of 32 rows are `group` bytes apart.
void multiply_groups(const char* a, const Rows& at, int64_t group, const void* panel, int64_t k, float* c, int64_t ldc,
                     int64_t rows, int64_t cols, bool accumulate) {
  const uint32_t mask = cols >= 32 ? 0xffffffffu : (1u << cols) - 1u;
  const auto left = static_cast<__mmask16>(mask), right = static_cast<__mmask16>(mask >> 16);
  const auto* b = static_cast<const uint16_t*>(panel);
  const int64_t groups = (rows + 31) / 32;
  const char* next = reinterpret_cast<const char*>(b + k * kPanel);
  Fetch fetch{next, next + k * kPanel * 2, (32 + groups - 1) / groups};  // a step uses 32 lines of B
  Configured tiles;
  Buffer buffer;
  for (int64_t r = 0; r < rows; r += 32, a += group) {
    const int upper = static_cast<int>(rows - r < 16 ? rows - r : 16);
    const int lower = static_cast<int>(rows - r - upper < 16 ? rows - r - upper : 16);
    tiles.want(upper, lower);
    const auto multiply = lower ? multiply_tiles<true> : multiply_tiles<false>;
    float* to = c + r * ldc;
    if (cols == kPanel) {
      multiply(a, at, b, k, to, ldc, upper + lower, accumulate, fetch);
    } else {
      if (accumulate) buffer.load(to, ldc, upper + lower, left, right);
      multiply(a, at, b, k, buffer.sums, kPanel, upper + lower, accumulate, fetch);
      buffer.store(to, ldc, upper + lower, left, right);
    }
  }
}

}  // namespace

bool amx_request_permission() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

void multiply_amx(const void* a, int64_t lda, const void* panel, int64_t k, float* c, int64_t ldc, int64_t rows,
                  int64_t cols, bool accumulate) {
  multiply_groups(static_cast<const char*>(a), {lda * 2, lda * 32, 64}, lda * 64, panel, k, c, ldc, rows, cols, accumulate);
}

void multiply_amx_tiles(const void* a, int64_t lda, const void* panel, int64_t k, float* c, int64_t ldc, int64_t rows,
                        int64_t cols, bool accumulate) {
  multiply_groups(static_cast<const char*>(a), {64, 1024, 2048}, lda * 64, panel, k, c, ldc, rows, cols, accumulate);
}

double spin_amx(int64_t iterations) {
  // Tiles that were loaded, not zeroed: zeroed ones are multiplied faster where two programs share a core.
  alignas(64) static const uint16_t numbers[16 * 32] = {};
  Configured tiles;
  tiles.want(16, 16);
  _tile_loadd(0, numbers, 64);
  _tile_loadd(1, numbers, 64);
  _tile_loadd(2, numbers, 64);
  _tile_loadd(3, numbers, 64);
  _tile_loadd(4, numbers, 64);
  _tile_loadd(5, numbers, 64);
  _tile_loadd(6, numbers, 64);
  _tile_loadd(7, numbers, 64);
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
