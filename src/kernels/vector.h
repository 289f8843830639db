// Row kernels: operations on n contiguous floats. One Highway source, compiled for each level. They run on the calling
// thread and share nothing, so callers split rows over threads. Sums run in a fixed order in which appended zeros
// change no bit: masked elements (exp = 0) do not affect a softmax.
#pragma once

#include <cstdint>

#include "base/bf16.h"

namespace hadal {

struct VectorKernels {
  void (*to_bf16)(const float* x, Bf16* y, int64_t n);
  void (*to_f32)(const Bf16* x, float* y, int64_t n);
  // Quantises to 8 bits with a scale for each `block` of values: q is the integer nearest to x / scale, scale =
  // max |x| / 127 in bf16. A value that is not finite makes its block NaN. n is a multiple of block. Bit-identical at
  // every level.
  void (*to_q8)(const float* x, int8_t* q, Bf16* scales, int64_t block, int64_t n);
  void (*q8_to_f32)(const int8_t* q, const Bf16* scales, int64_t block, float* y, int64_t n);  // q * scale, exact
  void (*q8_to_bf16)(const int8_t* q, const Bf16* scales, int64_t block, Bf16* y, int64_t n);  // the same, rounded
  float (*dot)(const float* x, const float* y, int64_t n);
  float (*sum_squares)(const float* x, int64_t n);
  void (*add)(const float* x, float* y, int64_t n);                  // y += x
  void (*axpy)(float a, const float* x, float* y, int64_t n);        // y += a * x
  void (*scale)(float a, float* x, int64_t n);                       // x *= a
  void (*mul)(const float* x, const float* y, float* z, int64_t n);  // z = x * y
  // z = silu(gate) * up
  void (*swiglu)(const float* gate, const float* up, float* z, int64_t n);
  // d_gate += ..., d_up += ... (accumulates)
  void (*swiglu_backward)(const float* gate, const float* up, const float* dz, float* d_gate, float* d_up, int64_t n);
  // x = exp(scale * (x - max)) over [0, n); returns the sum; *max_out = max of x (before scaling). n >= 1.
  float (*exp_shifted)(float* x, float scale, int64_t n, float* max_out);
  float (*max)(const float* x, int64_t n);
  // For each column c < cols of s [rows, ld]: its first valid[c] rows become exp(scale * (s - max)), the rest 0;
  // sum_out[c] is their sum, max_out[c] the maximum before scaling. ld is a multiple of 32; elements up to ld are
  // overwritten.
  void (*softmax_columns)(float* s, int64_t ld, int64_t rows, int64_t cols, const int32_t* valid, float scale,
                          float* max_out, float* sum_out);
  void (*sigmoid)(const float* x, float* y, int64_t n);
  // y = x * inv_rms * weight, inv_rms = 1/sqrt(mean(x^2) + eps); returns inv_rms
  float (*rms_norm)(const float* x, const float* weight, float eps, float* y, int64_t n);
  // dx += ..., d_weight += ... ; inv_rms from the forward
  void (*rms_norm_backward)(const float* x, const float* weight, float inv_rms, const float* dy, float* dx,
                            float* d_weight, int64_t n);
  // AdamW (Loshchilov & Hutter 2019): updates w, m, v in place. Bias corrections c1 = 1/(1-beta1^t), c2 =
  // 1/(1-beta2^t). The gradient is g * grad_scale.
  void (*adamw)(float* w, float* m, float* v, const float* g, int64_t n, float lr, float beta1, float beta2, float eps,
                float weight_decay, float c1, float c2, float grad_scale);
};

// The table of the current cpu_level().
const VectorKernels& vec();

}  // namespace hadal
