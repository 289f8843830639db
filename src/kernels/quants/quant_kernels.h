// What one CPU level provides to quant_gemm.cc. Private to the module; plain structs only, for the reason in level.h.
//
// Every block type is read as unsigned codes u with a scale and an offset for each group of 32 (or 16) weights:
// w = scale * u + offset. Rows of A are rounded to int8, a = d * q with a d for each 32, so that
//   sum(a * w) = sum over groups of d * (scale * sum(q * u) + offset * sum(q)),
// where sum(q * u) is exact integer arithmetic and sum(q) is computed once for all rows of W.
//
// Legend: C[m, n] = A[m, k] * W[n, k]^T; c has ldc floats from a row to the next; k is padded to a multiple of kSuper,
// so that a row is a whole number of super-blocks of 256 weights.
#pragma once

#include "kernels/quant.h"

namespace hadal::kernels {

inline constexpr int64_t kSuper = 256;  // weights of a super-block
inline constexpr int64_t kGroup = 32;   // elements of A with one scale d

// Rows of A, rounded: a = d * q. K is the padded one.
struct RoundedRows {
  int8_t* q;        // [rows, K]
  int8_t* halves;   // [rows, K / 256, 4, 4, 16]: q with each group of 32 as two halves of 16: the first halves of
                    // groups 0, 2, 4, 6, then their second ones, then likewise groups 1, 3, 5, 7. So the low and the
                    // high nibbles of the same bytes have their scales in the same lanes
  float* factors;   // [rows, K / 256, 16]: d of 8 groups, then d * sum(q) of each
  float* sum16;     // [rows, K / 16]: d * sum(q) of 16 elements
  int32_t* isum32;  // [rows, K / 32]: -sum(q) of 32 elements
  int32_t* isum16;  // [rows, K / 16]: -sum(q) of 16 elements
  int64_t k;        // padded

  const float* factor(int64_t r, int64_t group) const {
    return factors + (r * (k / kSuper) + group / 8) * 16 + group % 8;
  }
};

struct QuantKernels {
  // Rounds n floats to row r of `out`.
  void (*round_row)(const float* x, int64_t n, const RoundedRows& out, int64_t r);
  // C[i, j] = or += sum over k of A[first_row + i, k] * W[j, k], i < m, j < w.rows. Reads w once for each 8 rows of A.
  void (*dot)(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, int64_t m, float* c, int64_t ldc,
              bool accumulate);
  // The same for many rows of A: unpacks 32 rows of w at a time to `scratch` (tile_bytes, aligned to 64).
  void (*tile)(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, int64_t m, float* c, int64_t ldc,
               bool accumulate, void* scratch);
  int64_t tile_bytes;
};

#if defined(__x86_64__)
const QuantKernels& quant_avx2();
const QuantKernels& quant_avx512_vnni();
// Dequantises columns [first, first + count) of up to 32 rows of w to one bf16 panel (level.h); first is a multiple of
// kSuper. Needs AVX-512 with bf16.
void quant_panel_bf16(const QuantMatrix& w, int64_t first, int64_t count, void* panel);
#endif

}  // namespace hadal::kernels
