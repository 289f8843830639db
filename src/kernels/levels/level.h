// What one CPU level provides to gemm.cc, attention.cc and quants/. Private to the module; picture: docs/kernels.md.
//
// Every level's file is compiled with its own instruction flags, so these files share no inline function or template
// with the rest of the program: the linker could keep the copy that the CPU cannot run. Plain structs only.
//
// Legend: C[rows, cols] = A[rows, k] * B[k, cols].
//   a    [rows, lda], a row each lda elements     k     extent of the sum
//   b    panels, see below                        rows  of A and C in this call
//   c    [rows, ldc], a row each ldc floats       cols  of B and C in this call
//   accumulate: C += A * B instead of C = A * B
// padded_k is K rounded up to a multiple of kUnit.
//
// A packed B [K, N] is a sequence of panels of kPanel columns, the last one padded with zero columns. One panel:
//
//   bf16   [padded_k / 2][kPanel][2]   element (i, j) at [i / 2][j][i % 2]: the pairs of consecutive i that vdpbf16ps
//                                      and tdpbf16ps multiply; rows K to padded_k - 1 are zero
//   f32    [K][kPanel]                 not padded along K
//
// A packed block of A, by Format; columns K to padded_k - 1 are zero:
//
//   f32, f32_rounded_to_bf16   [rows][lda] of f32
//   bf16                       [rows][lda] of bf16
//   bf16_tiles                 [ceil(rows / 32)][padded_k / 32][32][32] of bf16, contiguous tiles: element (r, i) at
//                              [r / 32][i / 32][r % 32][i % 32]; lda is padded_k; rows beyond the last stay unset
#pragma once

#include <stdint.h>

#include "kernels/vector.h"

namespace hadal::kernels {

inline constexpr int64_t kPanel = 32;                     // columns of a panel
inline constexpr int64_t kUnit = 32;                      // K of a bf16 panel and of an A block is padded to a multiple
inline constexpr int64_t kFewRows = 16, kFewSteps = 256;  // limits of multiply_bf16_rows: rows of A, extent of K

enum class Format { f32, bf16, f32_rounded_to_bf16, bf16_tiles };

// Element (r, c) is data[r * row_stride + c * col_stride]; one of the strides is 1.
struct Source {
  const void* data;
  bool is_bf16;
  int64_t row_stride, col_stride;
};

// Prefetches memory into the second-level cache, a few lines in each step of another computation: spread(steps) sets
// how many, step() prefetches them, finish() the rest. It runs in four streams, a quarter of the memory each, because a
// core reads four faster than one (16.8 to 11.7 GB/s on Sapphire Rapids, bound by the buffers of a core). The unit is a
// cache line of 64 bytes; `until` limits what is prefetched for now.
struct Fetch {
  const char* from = nullptr;
  int64_t lines = 0, next = 0, until = 0, per_step = 0;

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

// C[rows, cols] = or += A[rows, k] * one panel [k, kPanel]; cols <= kPanel. k is a multiple of kUnit, except for the
// last part of an f32 product. `fetch`: what to prefetch meanwhile; null: what follows the panel. Levels without tiles
// ignore it.
using MultiplyFn = void (*)(const void* a, int64_t lda, const void* panel, int64_t k, float* c, int64_t ldc,
                            int64_t rows, int64_t cols, bool accumulate, Fetch* fetch);

// C[rows, cols] = or += A[rows, k] * B[k, cols], A in bf16_tiles, B in consecutive panels of kPanel * k elements. k is
// a multiple of kUnit.
struct TileProduct {
  const void* a;
  int64_t lda;  // padded_k of the whole A, of which this product may use a part
  const void* panels;
  int64_t k;
  float* c;
  int64_t ldc, rows, cols;
  bool accumulate;
  bool a_stays;  // A stays in the second-level cache and panels are streamed; else panels stay and A is streamed
};

struct GemmKernels {
  int64_t row_group;      // blocks of A have a multiple of so many rows, for which the inner kernel is fastest
  int64_t a_block_bytes;  // size of a block of A, which stays in the second-level cache
  int64_t
      block_k_bf16;  // K is cut into parts of this extent, so that a part of a panel stays in the cache for all rows
  Format bf16_a;     // how multiply_bf16 reads A: bf16 or f32_rounded_to_bf16
  MultiplyFn multiply_bf16, multiply_f32;
  void (*multiply_tiles)(const TileProduct&);  // bit-identical to multiply_bf16; null: the level has no tiles
  // C[rows, cols] = A[rows, k] * B[k, cols] without packing, for rows <= kFewRows and k <= kFewSteps; bit-identical to
  // multiply_bf16. A is f32 and transposed, a: [k, lda], element (r, i) at a[i * lda + r], rounded here; kFewRows
  // elements of each row of a can be read. b[i] points to row i of B, bf16. cols is a multiple of kPanel. Null: none.
  void (*multiply_bf16_rows)(const float* a, int64_t lda, const uint16_t* const* b, int64_t k, float* c, int64_t ldc,
                             int64_t rows, int64_t cols, Fetch& fetch);
  int64_t few_rows;  // up to so many rows this is faster than packing; 0 to kFewRows
  // Packs rows [row, row + rows) of A, columns [0, k), into `out` in the layout of `format`; zeros up to padded_k.
  void (*pack_a)(const Source& a, int64_t row, int64_t rows, int64_t k, int64_t padded_k, Format format, void* out,
                 int64_t lda);
  // Packs columns [col, col + cols) of B [k, N], cols <= kPanel, into one panel.
  void (*pack_panel)(const Source& b, int64_t k, int64_t col, int64_t cols, bool to_bf16, void* panel);
  // Runs the level's multiply-add in registers; returns the number of floating-point operations.
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
