// The row kernels of vector.h for one level. Included by one level_*.cc per level; see level.h.
//
// An element's arithmetic does not depend on its position: the last, partial vector goes through a buffer padded with a
// neutral value. Element i of a sum is added to partial sum (i / lanes) mod kPartials, lane i mod lanes; the partial
// sums are added in one fixed tree. So appended zeros do not change a sum's bits.
#pragma once

#include <hwy/contrib/math/math-inl.h>

#include "kernels/levels/pack_hwy-inl.h"

namespace hadal::kernels {
namespace {

constexpr int kPartials = 4;

inline VecF load_some(const float* x, int64_t n, float fill) {
  alignas(64) float buffer[16];
  for (int64_t i = 0; i < kLanes; ++i) buffer[i] = i < n ? x[i] : fill;
  return hn::Load(kF32, buffer);
}
inline void store_some(VecF v, float* x, int64_t n) {
  alignas(64) float buffer[16];
  hn::Store(v, kF32, buffer);
  for (int64_t i = 0; i < n; ++i) x[i] = buffer[i];
}

// y[i] = f(x...[i]); outputs may alias inputs at the same index.
template <typename F, typename... In>
inline void map(int64_t n, float* y, F f, const In*... x) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(f(hn::LoadU(kF32, x + i)...), kF32, y + i);
  if (i < n) store_some(f(load_some(x + i, n - i, 0.0f)...), y + i, n - i);
}

inline float tree_sum(VecF* s) {
  return hn::GetLane(hn::SumOfLanes(kF32, hn::Add(hn::Add(s[0], s[1]), hn::Add(s[2], s[3]))));
}

// Sum of terms; step(sum, x...) adds one vector of them.
template <typename F, typename... In>
inline float reduce(int64_t n, F step, const In*... x) {
  VecF sums[kPartials] = {hn::Zero(kF32), hn::Zero(kF32), hn::Zero(kF32), hn::Zero(kF32)};
  int64_t i = 0;
  for (; i + kPartials * kLanes <= n; i += kPartials * kLanes)
#pragma GCC unroll 4
    for (int p = 0; p < kPartials; ++p) sums[p] = step(sums[p], hn::LoadU(kF32, x + i + p * kLanes)...);
#pragma GCC unroll 4
  for (int p = 0; p < kPartials; ++p, i += kLanes) {
    if (i >= n) break;
    sums[p] =
        i + kLanes <= n ? step(sums[p], hn::LoadU(kF32, x + i)...) : step(sums[p], load_some(x + i, n - i, 0.0f)...);
  }
  return tree_sum(sums);
}

// Of x <= 0, or NaN.
#if HWY_TARGET == HWY_AVX3
// e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln 2 / 2, and the polynomial of Cephes' expf; scalef turns underflow
// into zero. Half the instructions of Highway's Exp.
inline VecF exp_of(VecF x) {
  const __m512 low = _mm512_max_ps(_mm512_set1_ps(-104.0f), x.raw);  // max returns the second operand if one is NaN
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(low, _mm512_set1_ps(1.44269504f)), 0);
  const __m512 r =
      _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), low));
  __m512 p = _mm512_fmadd_ps(r, _mm512_set1_ps(1.9875691500e-4f), _mm512_set1_ps(1.3981999507e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return VecF{_mm512_scalef_ps(p, n)};
}
#else
inline VecF exp_of(VecF x) { return hn::Exp(kF32, x); }
#endif

inline VecF sigmoid_of(VecF x) {  // exp of negative values only: no overflow
  const VecF e = exp_of(hn::Neg(hn::Abs(x))), one = hn::Set(kF32, 1.0f);
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(kF32)), e, one), hn::Add(one, e));
}

void v_to_bf16(const float* x, Bf16* y, int64_t n) { round_row(x, reinterpret_cast<uint16_t*>(y), n); }
void v_to_f32(const Bf16* x, float* y, int64_t n) { widen_row(reinterpret_cast<const uint16_t*>(x), y, n); }

using I8 = hn::Rebind<int8_t, F32>;
using I32 = hn::Rebind<int32_t, F32>;

void v_to_q8(const float* x, int8_t* q, Bf16* scales, int64_t block, int64_t n) {
  constexpr I8 i8;
  constexpr float kSmallest = 0x1p-126f;  // below, 1 / scale overflows: such a block becomes zero
  for (int64_t begin = 0; begin < n; begin += block, x += block, q += block) {
    VecF top = hn::Zero(kF32), poison = hn::Zero(kF32);
    for (int64_t i = 0; i < block; i += kLanes) {
      const VecF v = i + kLanes <= block ? hn::LoadU(kF32, x + i) : load_some(x + i, block - i, 0.0f);
      top = hn::Max(top, hn::Abs(v));
      poison = hn::MulAdd(v, hn::Zero(kF32), poison);  // zero, or NaN if a value is not finite
    }
    const float most = hn::GetLane(hn::MaxOfLanes(kF32, top)) + hn::GetLane(hn::SumOfLanes(kF32, poison));
    const uint16_t rounded = round_one(most / 127.0f);
    const float scale = widen_one(rounded);
    scales[begin / block].bits = rounded;
    const VecF factor = hn::Set(kF32, scale >= kSmallest ? 1.0f / scale : 0.0f);
    for (int64_t i = 0; i < block; i += kLanes) {
      const bool whole = i + kLanes <= block;
      const VecF v = whole ? hn::LoadU(kF32, x + i) : load_some(x + i, block - i, 0.0f);
      const auto integers = hn::DemoteTo(i8, hn::NearestInt(hn::Mul(v, factor)));
      alignas(64) int8_t some[16];
      hn::StoreU(integers, i8, whole ? q + i : some);
      if (!whole) __builtin_memcpy(q + i, some, static_cast<size_t>(block - i));
    }
  }
}

// Calls store(vector, index) for whole vectors and one(value, index) for the rest of a block.
template <typename Store, typename One>
inline void widen_q8(const int8_t* q, const Bf16* scales, int64_t block, int64_t n, Store store, One one) {
  for (int64_t begin = 0; begin < n; begin += block) {
    const float scale = widen_one(scales[begin / block].bits);
    const VecF factor = hn::Set(kF32, scale);
    int64_t i = begin;
    for (; i + kLanes <= begin + block; i += kLanes)
      store(hn::Mul(hn::ConvertTo(kF32, hn::PromoteTo(I32(), hn::LoadU(I8(), q + i))), factor), i);
    for (; i < begin + block; ++i) one(static_cast<float>(q[i]) * scale, i);
  }
}
void v_q8_to_f32(const int8_t* q, const Bf16* scales, int64_t block, float* y, int64_t n) {
  widen_q8(
      q, scales, block, n, [=](VecF v, int64_t i) { hn::StoreU(v, kF32, y + i); },
      [=](float v, int64_t i) { y[i] = v; });
}
void v_q8_to_bf16(const int8_t* q, const Bf16* scales, int64_t block, Bf16* y, int64_t n) {
  auto* out = reinterpret_cast<uint16_t*>(y);
  widen_q8(
      q, scales, block, n,
      [=](VecF v, int64_t i) { hn::StoreU(hn::TruncateTo(kU16, hn::ShiftRight<16>(rounded_bits(v))), kU16, out + i); },
      [=](float v, int64_t i) { out[i] = round_one(v); });
}
float v_dot(const float* x, const float* y, int64_t n) {
  return reduce(
      n, [](VecF s, VecF a, VecF b) { return hn::MulAdd(a, b, s); }, x, y);
}
float v_sum_squares(const float* x, int64_t n) {
  return reduce(
      n, [](VecF s, VecF a) { return hn::MulAdd(a, a, s); }, x);
}
void v_add(const float* x, float* y, int64_t n) {
  map(
      n, y, [](VecF a, VecF b) { return hn::Add(b, a); }, x, static_cast<const float*>(y));
}
void v_axpy(float a, const float* x, float* y, int64_t n) {
  const VecF factor = hn::Set(kF32, a);
  map(
      n, y, [=](VecF u, VecF v) { return hn::MulAdd(factor, u, v); }, x, static_cast<const float*>(y));
}
void v_scale(float a, float* x, int64_t n) {
  const VecF factor = hn::Set(kF32, a);
  map(
      n, x, [=](VecF u) { return hn::Mul(factor, u); }, static_cast<const float*>(x));
}
void v_mul(const float* x, const float* y, float* z, int64_t n) {
  map(
      n, z, [](VecF a, VecF b) { return hn::Mul(a, b); }, x, y);
}
void v_swiglu(const float* gate, const float* up, float* z, int64_t n) {
  map(
      n, z, [](VecF g, VecF u) { return hn::Mul(hn::Mul(g, sigmoid_of(g)), u); }, gate, up);
}
void v_swiglu_backward(const float* gate, const float* up, const float* dz, float* d_gate, float* d_up, int64_t n) {
  const VecF one = hn::Set(kF32, 1.0f);
  map(
      n, d_gate,
      [=](VecF g, VecF u, VecF d, VecF old) {  // d silu(g) = s (1 + g (1 - s))
        const VecF s = sigmoid_of(g);
        const VecF slope = hn::Mul(s, hn::MulAdd(g, hn::Sub(one, s), one));
        return hn::MulAdd(hn::Mul(d, u), slope, old);
      },
      gate, up, dz, static_cast<const float*>(d_gate));
  map(
      n, d_up, [](VecF g, VecF d, VecF old) { return hn::MulAdd(d, hn::Mul(g, sigmoid_of(g)), old); }, gate, dz,
      static_cast<const float*>(d_up));
}
float v_max(const float* x, int64_t n) {
  const float lowest = -__builtin_inff();
  VecF best = hn::Set(kF32, lowest);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) best = hn::Max(best, hn::LoadU(kF32, x + i));
  if (i < n) best = hn::Max(best, load_some(x + i, n - i, lowest));
  return hn::GetLane(hn::MaxOfLanes(kF32, best));
}
float v_exp_shifted(float* x, float scale, int64_t n, float* max_out) {
  const float top = v_max(x, n);
  *max_out = top;
  const VecF factor = hn::Set(kF32, scale), shift = hn::Set(kF32, top);
  map(
      n, x, [=](VecF u) { return exp_of(hn::Mul(factor, hn::Sub(u, shift))); }, static_cast<const float*>(x));
  return reduce(
      n, [](VecF s, VecF a) { return hn::Add(s, a); }, static_cast<const float*>(x));
}
// Up to 8 columns (the few heads of a decoded token): two rows in a vector. Returns the number of rows done, all of
// them pairs.
template <typename V>
int64_t softmax_pairs(float* s, int64_t ld, int64_t rows, V factor, V top, V& sum) {
  const hn::Half<F32> half;
  const auto low_top = hn::LowerHalf(half, top);
  const V tops = hn::Combine(kF32, low_top, low_top);
  auto low_sum = hn::LowerHalf(half, sum);
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2) {
    float *low = s + r * ld, *high = low + ld;
    const V e = exp_of(hn::Mul(factor, hn::Sub(hn::Combine(kF32, hn::LoadU(half, high), hn::LoadU(half, low)), tops)));
    const auto first = hn::LowerHalf(half, e), second = hn::UpperHalf(half, e);
    hn::StoreU(first, half, low), hn::StoreU(second, half, high);
    low_sum = hn::Add(hn::Add(low_sum, first), second);
  }
  sum = hn::Combine(kF32, hn::Zero(half), low_sum);
  return r;
}
// kVectors vectors of columns at a time: reads are contiguous, and exponentials do not wait for each other.
template <int kVectors>
void softmax_block(float* s, int64_t ld, int64_t rows, int64_t cols, const int32_t* valid, float scale, float* max_out,
                   float* sum_out) {
  const hn::Rebind<int32_t, F32> i32;
  using Limits = hn::Vec<hn::Rebind<int32_t, F32>>;
  constexpr int64_t kWidth = kVectors * kLanes;
  alignas(64) int32_t limits[kWidth] = {};
  int32_t least = valid[0], most = valid[0];
  for (int64_t i = 0; i < kWidth && i < cols; ++i) {
    limits[i] = valid[i];
    least = limits[i] < least ? limits[i] : least;
    most = limits[i] > most ? limits[i] : most;
  }
  Limits limit[kVectors];
  VecF top[kVectors], sum[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    limit[v] = hn::Load(i32, limits + v * kLanes);
    top[v] = hn::Set(kF32, -__builtin_inff());
    sum[v] = hn::Zero(kF32);
  }
  const auto is_valid = [&](int64_t r, int v) __attribute__((always_inline)) {
    return hn::RebindMask(kF32, hn::Lt(hn::Set(i32, static_cast<int32_t>(r)), limit[v]));
  };
  for (int64_t r = 0; r < most; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const VecF higher = hn::Max(top[v], hn::LoadU(kF32, s + r * ld + v * kLanes));
      top[v] = r < least ? higher : hn::IfThenElse(is_valid(r, v), higher, top[v]);
    }
  const VecF factor = hn::Set(kF32, scale);
  int64_t r = 0;
  if constexpr (kVectors == 1 && kLanes == 16) {
    if (cols <= 8) r = softmax_pairs(s, ld, least, factor, top[0], sum[0]);
  }
  for (; r < most; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* at = s + r * ld + v * kLanes;
      VecF e = exp_of(hn::Mul(factor, hn::Sub(hn::LoadU(kF32, at), top[v])));
      if (r >= least) e = hn::IfThenElseZero(is_valid(r, v), e);
      hn::StoreU(e, kF32, at);
      sum[v] = hn::Add(sum[v], e);
    }
  for (; r < rows; ++r)
    for (int v = 0; v < kVectors; ++v) hn::StoreU(hn::Zero(kF32), kF32, s + r * ld + v * kLanes);
  for (int v = 0; v < kVectors && v * kLanes < cols; ++v) {
    const int64_t width = cols - v * kLanes < kLanes ? cols - v * kLanes : kLanes;
    store_some(top[v], max_out + v * kLanes, width);
    store_some(sum[v], sum_out + v * kLanes, width);
  }
}
void v_softmax_columns(float* s, int64_t ld, int64_t rows, int64_t cols, const int32_t* valid, float scale,
                       float* max_out, float* sum_out) {
  for (int64_t c = 0; c < cols;) {
    const auto block = [&]<int kVectors>() {
      softmax_block<kVectors>(s + c, ld, rows, cols - c, valid + c, scale, max_out + c, sum_out + c);
      c += kVectors * kLanes;
    };
    if (cols - c > 2 * kLanes)
      block.template operator()<4>();
    else if (cols - c > kLanes)
      block.template operator()<2>();
    else
      block.template operator()<1>();
  }
}
void v_sigmoid(const float* x, float* y, int64_t n) {
  map(
      n, y, [](VecF u) { return sigmoid_of(u); }, x);
}
float v_rms_norm(const float* x, const float* weight, float eps, float* y, int64_t n) {
  const float inv_rms = 1.0f / __builtin_sqrtf(v_sum_squares(x, n) / static_cast<float>(n) + eps);
  const VecF factor = hn::Set(kF32, inv_rms);
  map(
      n, y, [=](VecF u, VecF w) { return hn::Mul(hn::Mul(u, factor), w); }, x, weight);
  return inv_rms;
}
void v_rms_norm_backward(const float* x, const float* weight, float inv_rms, const float* dy, float* dx,
                         float* d_weight, int64_t n) {
  // y = w x r, r = (mean x^2 + eps)^(-1/2): dx = r w dy - x r^3 mean(w dy x)
  const float inner = reduce(
      n, [](VecF s, VecF a, VecF w, VecF d) { return hn::MulAdd(hn::Mul(w, d), a, s); }, x, weight, dy);
  const VecF r = hn::Set(kF32, inv_rms);
  const VecF pull = hn::Set(kF32, -inner * inv_rms * inv_rms * inv_rms / static_cast<float>(n));
  map(
      n, dx, [=](VecF a, VecF w, VecF d, VecF old) { return hn::MulAdd(pull, a, hn::MulAdd(hn::Mul(w, d), r, old)); },
      x, weight, dy, static_cast<const float*>(dx));
  map(
      n, d_weight, [=](VecF a, VecF d, VecF old) { return hn::MulAdd(hn::Mul(a, r), d, old); }, x, dy,
      static_cast<const float*>(d_weight));
}
void v_adamw(float* w, float* m, float* v, const float* g, int64_t n, float lr, float beta1, float beta2, float eps,
             float weight_decay, float c1, float c2, float grad_scale) {
  const VecF b1 = hn::Set(kF32, beta1), rest1 = hn::Set(kF32, 1.0f - beta1), b2 = hn::Set(kF32, beta2);
  const VecF rest2 = hn::Set(kF32, 1.0f - beta2), scale = hn::Set(kF32, grad_scale),
             root_c2 = hn::Set(kF32, __builtin_sqrtf(c2));
  const VecF step = hn::Set(kF32, -lr * c1), keep = hn::Set(kF32, 1.0f - lr * weight_decay), tiny = hn::Set(kF32, eps);
  map(
      n, m, [=](VecF old, VecF d) { return hn::MulAdd(b1, old, hn::Mul(rest1, hn::Mul(d, scale))); },
      static_cast<const float*>(m), g);
  map(
      n, v,
      [=](VecF old, VecF d) {
        const VecF s = hn::Mul(d, scale);
        return hn::MulAdd(b2, old, hn::Mul(rest2, hn::Mul(s, s)));
      },
      static_cast<const float*>(v), g);
  map(
      n, w,
      [=](VecF old, VecF first, VecF second) {
        const VecF under = hn::MulAdd(hn::Sqrt(second), root_c2, tiny);
        return hn::MulAdd(step, hn::Div(first, under), hn::Mul(old, keep));
      },
      static_cast<const float*>(w), static_cast<const float*>(m), static_cast<const float*>(v));
}

constexpr VectorKernels kVectorTable = {
    v_to_bf16,           v_to_f32,      v_to_q8, v_q8_to_f32,       v_q8_to_bf16, v_dot,
    v_sum_squares,       v_add,         v_axpy,  v_scale,           v_mul,        v_swiglu,
    v_swiglu_backward,   v_exp_shifted, v_max,   v_softmax_columns, v_sigmoid,    v_rms_norm,
    v_rms_norm_backward, v_adamw};

}  // namespace
}  // namespace hadal::kernels
