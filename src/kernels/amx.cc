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

// Brings what comes next to the second-level cache, a few lines at each step along K, so that no tile waits for it.
struct Fetch {
  const char* at;
  const char* end;
  int64_t lines_per_step;

  // `bytes` from `next` on while `steps` are taken.
  Fetch(const char* next, int64_t bytes, int64_t steps) : at(next), end(next + bytes), lines_per_step((bytes / 64 + steps - 1) / steps) {}
  void step() {
    for (int64_t i = 0; i < lines_per_step && at < end; ++i, at += 64) _mm_prefetch(at, _MM_HINT_T1);
  }
};

// How A lies: bytes between the rows of a tile, from a tile to the lower one, and from a tile to the next along K.
struct Rows {
  int64_t stride, lower, step;
};

// Sums start from C when accumulating, from zero otherwise. All of `k` (a multiple of 32) on 1 to 32 rows; the lines of C that
// will be written are brought to the first-level cache meanwhile.
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
    fetch.step();
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

// One group of 1 to 32 rows times one panel.
class Group {
 public:
  Group(const Rows& rows_of_a, int64_t k, int64_t ldc, bool accumulate) : at_(rows_of_a), k_(k), ldc_(ldc), accumulate_(accumulate) {}

  void multiply(const char* a, const uint16_t* b, float* c, int64_t rows, int64_t cols, Fetch& fetch) {
    const int upper = static_cast<int>(rows < 16 ? rows : 16), lower = static_cast<int>(rows - upper);
    tiles_.want(upper, lower);
    const auto multiply = lower ? multiply_tiles<true> : multiply_tiles<false>;
    if (cols == kPanel) return multiply(a, at_, b, k_, c, ldc_, rows, accumulate_, fetch);
    const uint32_t mask = (1u << cols) - 1u;
    const auto left = static_cast<__mmask16>(mask), right = static_cast<__mmask16>(mask >> 16);
    if (accumulate_) buffer_.load(c, ldc_, upper + lower, left, right);
    multiply(a, at_, b, k_, buffer_.sums, kPanel, rows, accumulate_, fetch);
    buffer_.store(c, ldc_, upper + lower, left, right);
  }

 private:
  Rows at_;
  int64_t k_, ldc_;
  bool accumulate_;
  Configured tiles_;
  Buffer buffer_;
};

int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

}  // namespace

bool amx_request_permission() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

void multiply_amx(const void* a_block, int64_t lda, const void* panel, int64_t k, float* c, int64_t ldc, int64_t rows,
                  int64_t cols, bool accumulate) {
  const auto* a = static_cast<const char*>(a_block);
  const auto* b = static_cast<const uint16_t*>(panel);
  Group group({lda * 2, lda * 32, 64}, k, ldc, accumulate);
  Fetch fetch(reinterpret_cast<const char*>(b + k * kPanel), k * kPanel * 2, (rows + 31) / 32 * (k / 32));
  for (int64_t r = 0; r < rows; r += 32) group.multiply(a + r * lda * 2, b, c + r * ldc, least(32, rows - r), cols, fetch);
}

void multiply_amx_tiles(const TileProduct& p) {
  const auto* a = static_cast<const char*>(p.a);
  const auto* b = static_cast<const uint16_t*>(p.panels);
  const int64_t steps = p.k / 32, groups = (p.rows + 31) / 32, panels = (p.cols + kPanel - 1) / kPanel;
  const int64_t group_bytes = p.lda * 64, bytes = p.k * 64;  // what is used of a group, and of a panel
  Group group({64, 1024, 2048}, p.k, p.ldc, p.accumulate);
  const auto multiply = [&](int64_t g, int64_t i, Fetch& fetch) {
    group.multiply(a + g * group_bytes, b + i * p.k * kPanel, p.c + g * 32 * p.ldc + i * kPanel, least(32, p.rows - 32 * g), least(kPanel, p.cols - kPanel * i), fetch);
  };
  if (p.a_stays) {
    for (int64_t i = 0; i < panels; ++i) {
      // One group reads each line once, in order, which the hardware foresees.
      Fetch fetch(reinterpret_cast<const char*>(b + (i + 1) * p.k * kPanel), groups > 1 ? bytes : 0, groups * steps);
      for (int64_t g = 0; g < groups; ++g) multiply(g, i, fetch);
    }
  } else {
    for (int64_t g = 0; g < groups; ++g) {
      Fetch fetch(a + (g + 1) * group_bytes, g + 1 < groups ? bytes : 0, panels * steps);
      for (int64_t i = 0; i < panels; ++i) multiply(g, i, fetch);
    }
  }
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
