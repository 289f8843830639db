// What one CPU level gives to quant_gemm.cc. Inside the module only; see level.h for why only plain structs stand here.
//
// Every block type is read as unsigned codes u with a scale and an offset for each group of 32 (or 16) weights:
// w = scale * u + offset. Rows of A are rounded to int8 in blocks of 32, so that
// sum(w * a) = sum over groups of d * (scale * sum(u * q) + offset * sum(q)), and sum(u * q) is integer arithmetic.
#pragma once

#include "kernels/quant.h"

namespace hadal::kernels {

inline constexpr int64_t kSuper = 256;  // K is padded to this with zeros
inline constexpr int64_t kGroup = 32;   // of one activation scale

// Rows of A, rounded: x = d * q. All arrays are [rows, K / ...] of the padded K.
struct RoundedRows {
  int8_t* q;        // [rows, K]
  int8_t* halves;   // [rows, K / 256, 4, 4, 16]: the same numbers, each group of 32 as two halves: the first ones of
                    // groups 0, 2, 4, 6, then their second ones, then groups 1, 3, 5, 7. Nibbles of a group's halves
                    // then have their scales in the same lanes
  float* factors;   // [rows, K / 256, 16]: d of 8 groups, then d * sum of q of each
  float* sum16;     // [rows, K / 16]: d * sum of q, for groups of 16
  int32_t* isum32;  // [rows, K / 32]: minus the sum of the group's q
  int32_t* isum16;  // [rows, K / 16]
  int64_t k;        // padded

  const float* factor(int64_t r, int64_t group) const {
    return factors + (r * (k / kSuper) + group / 8) * 16 + group % 8;
  }
};

struct QuantKernels {
  // Row r of `out` from n floats.
  void (*round_row)(const float* x, int64_t n, const RoundedRows& out, int64_t r);
  // C[i][j] = or += sum over k of A[first_row + i][k] * W[j][k], for m rows of A and the rows of w: streams w once.
  void (*dot)(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, int64_t m, float* c, int64_t ldc,
              bool accumulate);
  // The same for many rows of A, 32 rows of w at a time through `scratch` (tile_bytes, aligned to 64).
  void (*tile)(const QuantMatrix& w, const RoundedRows& a, int64_t first_row, int64_t m, float* c, int64_t ldc,
               bool accumulate, void* scratch);
  int64_t tile_bytes;
};

#if defined(__x86_64__)
const QuantKernels& quant_avx2();
const QuantKernels& quant_avx512_vnni();
// Up to 32 rows of w, their columns [first, first + count), to one bf16 panel of level.h's layout; first is a multiple
// of kSuper. Needs AVX-512 with bf16.
void quant_panel_bf16(const QuantMatrix& w, int64_t first, int64_t count, void* panel);
#endif

}  // namespace hadal::kernels
