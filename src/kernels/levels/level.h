// What one CPU level gives to gemm.cc and vector.cc. Inside the module only.
//
// Every level's file is compiled with its own instruction flags, so these files share no inline function or template
// with the rest of the program: the linker would be free to keep the copy that the CPU cannot run. Plain structs only.
//
// Layout of a packed B [K, N]: panels of kPanel columns, the last one padded with zero columns.
//   bf16: [padded_k / 2][kPanel][2], the pairs that vdpbf16ps and tdpbf16ps read; K padded with zeros to a multiple of
//   32 f32:  [K][kPanel]
// Layout of an A block: [rows][lda], k running inside, padded with zeros to a multiple of 32. In tiles (bf16_tiles, lda
// is the padded k): [rows / 32][padded_k / 32][32][32], so that a tile is one run of memory; absent rows of the last
// group are left.
#pragma once

#include <stdint.h>

#include "kernels/vector.h"

namespace hadal::kernels {

inline constexpr int64_t kPanel = 32;
inline constexpr int64_t kUnit = 32;                      // K of a panel and of an A block is padded to this
inline constexpr int64_t kFewRows = 16, kFewSteps = 256;  // of A and of K, at most, where nothing is packed

enum class Format { f32, bf16, f32_rounded_to_bf16, bf16_tiles };

// Element (r, c) is data[r * row_stride + c * col_stride]; one of the strides is 1.
struct Source {
  const void* data;
  bool is_bf16;
  int64_t row_stride, col_stride;
};

// Memory that will be read soon, brought to the second-level cache a few lines at a time while something else is
// computed. In four streams, in which memory answers faster than in one (16.8 to 11.7 GB/s on Sapphire Rapids; bound by
// the buffers of a core).
struct Fetch {
  const char* from = nullptr;
  int64_t lines = 0, next = 0, until = 0, per_step = 0;  // until: of the lines, how many are wanted for now

  [[gnu::always_inline]] Fetch() = default;
  [[gnu::always_inline]] Fetch(const void* at, int64_t bytes)
      : from(static_cast<const char*>(at)), lines((bytes + 255) / 256 * 4), until(lines) {}
  [[gnu::always_inline]] void spread(int64_t steps) { per_step = (until - next + steps - 1) / steps; }
  [[gnu::always_inline]] void step() {
    for (int64_t i = 0; i < per_step && next < until; ++i, ++next)
      __builtin_prefetch(from + (next % 4 * (lines / 4) + next / 4) * 64, 0, 2);
  }
  [[gnu::always_inline]] void finish() { spread(1), step(); }
};

// C[rows, cols] = or += A[rows, k] * panel[k, 32]; cols <= 32. k is a multiple of kUnit but for a last f32 block.
// `fetch` may be null, then what follows the panel is fetched; levels without tiles leave it.
using MultiplyFn = void (*)(const void* a, int64_t lda, const void* panel, int64_t k, float* c, int64_t ldc,
                            int64_t rows, int64_t cols, bool accumulate, Fetch* fetch);

// C[rows, cols] = or += A * panels, A in bf16_tiles; k is padded. Panels of 2 * kPanel * k bytes follow one another.
struct TileProduct {
  const void* a;
  int64_t lda;  // the padded k of all of A, of which this product may take a part
  const void* panels;
  int64_t k;
  float* c;
  int64_t ldc, rows, cols;
  bool accumulate;
  bool a_stays;  // A lies in the second-level cache and panels come by, else panels lie there and A comes by
};

struct GemmKernels {
  int64_t row_group;      // rows that the inner kernel likes best
  int64_t a_block_bytes;  // of A kept in the second-level cache
  int64_t block_k_bf16;   // the sum along K runs block by block: a block of a panel stays near while the rows pass by
  Format bf16_a;          // how A lies for multiply_bf16
  MultiplyFn multiply_bf16, multiply_f32;
  void (*multiply_tiles)(const TileProduct&);  // the bits of multiply_bf16. Null: none
  // C[rows, cols] = A[rows, k] * B, the bits of multiply_bf16 with one block along K, for at most kFewRows rows and k
  // of kFewSteps. Nothing is packed: element (r, i) of A is a[i * lda + r], rounded here, and kFewRows of them can be
  // read; B's rows of bf16 lie at b[0 .. k). cols is a multiple of kPanel.
  void (*multiply_bf16_rows)(const float* a, int64_t lda, const uint16_t* const* b, int64_t k, float* c, int64_t ldc,
                             int64_t rows, int64_t cols, Fetch& fetch);
  int64_t few_rows;  // up to which that is less work than packing, 0 to kFewRows
  // A rows [row, row + rows), all k columns, to out[rows][lda]; k .. padded_k is zeroed.
  void (*pack_a)(const Source& a, int64_t row, int64_t rows, int64_t k, int64_t padded_k, Format format, void* out,
                 int64_t lda);
  // Columns [col, col + cols) of B [k, N] to one panel.
  void (*pack_panel)(const Source& b, int64_t k, int64_t col, int64_t cols, bool to_bf16, void* panel);
  // Runs the level's multiply-add in registers; returns the floating-point operations done.
  double (*spin_bf16)(int64_t iterations);
  double (*spin_f32)(int64_t iterations);
};

const GemmKernels& gemm_generic();
const VectorKernels& vector_generic();
#if defined(__x86_64__)
const GemmKernels& gemm_avx2();
const VectorKernels& vector_avx2();
const GemmKernels& gemm_avx512();
const VectorKernels& vector_avx512();
void multiply_avx512_bf16(const void* a, int64_t lda, const void* panel, int64_t k, float* c, int64_t ldc, int64_t rows,
                          int64_t cols, bool accumulate, Fetch* fetch);
void multiply_rows_avx512_bf16(const float* a, int64_t lda, const uint16_t* const* b, int64_t k, float* c, int64_t ldc,
                               int64_t rows, int64_t cols, Fetch& fetch);
double spin_avx512_bf16(int64_t iterations);
void multiply_amx(const void* a, int64_t lda, const void* panel, int64_t k, float* c, int64_t ldc, int64_t rows,
                  int64_t cols, bool accumulate, Fetch* fetch);
void multiply_amx_tiles(const TileProduct& product);
void multiply_rows_amx(const float* a, int64_t lda, const uint16_t* const* b, int64_t k, float* c, int64_t ldc,
                       int64_t rows, int64_t cols, Fetch& fetch);
double spin_amx(int64_t iterations);
bool amx_request_permission();
#endif

const GemmKernels& gemm_kernels();  // of the current level

}  // namespace hadal::kernels
