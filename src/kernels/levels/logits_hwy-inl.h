// The passes of logits.h for one level. Included by one logits_*.cc per level; see level.h.
#pragma once

#include <hwy/highway.h>

#include "kernels/logits.h"

namespace hadal::kernels {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using F32 = hn::CappedTag<float, 16>;
using F64 = hn::CappedTag<double, 8>;
using F32s = hn::Rebind<float, F64>;
using I32s = hn::Rebind<int32_t, F64>;
using I64 = hn::Rebind<int64_t, F64>;
constexpr F32 kF32;
constexpr F64 kF64;
constexpr F32s kF32s;
constexpr I32s kI32s;
using VecF = hn::Vec<F32>;
using VecD = hn::Vec<F64>;
constexpr int64_t kFloats = static_cast<int64_t>(hn::MaxLanes(kF32)),
                  kDoubles = static_cast<int64_t>(hn::MaxLanes(kF64));

LogitKernels::Range l_range(const float* logits, int64_t n) {
  const VecF first = hn::Set(kF32, logits[0]);
  VecF most[4] = {first, first, first, first}, least[4] = {first, first, first, first}, odd = hn::Zero(kF32);
  int64_t i = 0;
  for (; i + 4 * kFloats <= n; i += 4 * kFloats)
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const VecF v = hn::LoadU(kF32, logits + i + k * kFloats);
      most[k] = hn::Max(most[k], v);
      least[k] = hn::Min(least[k], v);
      odd = hn::Or(odd, hn::IfThenElseZero(hn::IsNaN(v), hn::Set(kF32, 1.0f)));
    }
  LogitKernels::Range range{
      hn::GetLane(hn::MinOfLanes(kF32, hn::Min(hn::Min(least[0], least[1]), hn::Min(least[2], least[3])))),
      hn::GetLane(hn::MaxOfLanes(kF32, hn::Max(hn::Max(most[0], most[1]), hn::Max(most[2], most[3])))),
      hn::GetLane(hn::MaxOfLanes(kF32, odd)) > 0 || logits[0] != logits[0]};
  for (; i < n; ++i) {
    range.has_nan = range.has_nan || logits[i] != logits[i];
    range.max = logits[i] > range.max ? logits[i] : range.max;
    range.min = logits[i] < range.min ? logits[i] : range.min;
  }
  return range;
}

int64_t l_find(const float* logits, int64_t n, float value) {
  const VecF sought = hn::Set(kF32, value);
  int64_t i = 0;
  while (i + kFloats <= n && hn::AllFalse(kF32, hn::Eq(hn::LoadU(kF32, logits + i), sought))) i += kFloats;
  while (i < n && logits[i] != value) ++i;
  return i;
}

// The arithmetic of x and of its bucket is the same in every pass, in vectors and in scalars: products and differences
// that no compiler fuses into a multiply-add.
struct Fall {
  explicit Fall(const LogitFall& f)
      : best(f.best),
        inverse(f.inverse),
        lowest(-f.reach),
        width(f.width),
        per_x(f.width > 0 ? -1.0 / f.width : 0.0),
        last(static_cast<double>(f.buckets - 1)) {}
  double x_of(float logit) const { return (static_cast<double>(logit) - best) * inverse; }
  double bucket_of(double x) const {
    const double b = x * per_x;
    return b < last ? b : last;
  }
  double best, inverse, lowest, width, per_x, last;
};

// Logits are sorted into buckets 32 at a time, so that the scalar sums do not wait for the vectors.
constexpr int64_t kBlock = 32;

// e^r for -0.02 <= r <= 0: the next term would be r^6 / 720.
inline VecD short_exp(VecD r) {
  VecD p = hn::MulAdd(r, hn::Set(kF64, 1.0 / 120), hn::Set(kF64, 1.0 / 24));
  p = hn::MulAdd(p, r, hn::Set(kF64, 1.0 / 6));
  p = hn::MulAdd(p, r, hn::Set(kF64, 0.5));
  p = hn::MulAdd(p, r, hn::Set(kF64, 1.0));
  return hn::MulAdd(p, r, hn::Set(kF64, 1.0));
}

template <bool kCount>
void sum_by_bucket(const float* logits, int64_t n, const LogitFall& fall, double* sums) {
  const Fall f(fall);
  const VecD best = hn::Set(kF64, f.best), inverse = hn::Set(kF64, f.inverse), lowest = hn::Set(kF64, f.lowest),
             per_x = hn::Set(kF64, f.per_x), last = hn::Set(kF64, f.last), width = hn::Set(kF64, f.width),
             one = hn::Set(kF64, 1.0);
  const VecD anywhere = hn::Iota(
      kF64, 0.0);  // logits out of reach add 0, to different buckets so that the additions do not wait for each other
  alignas(64) double weights[kBlock];
  alignas(64) int32_t buckets[kBlock];
  float rest[kBlock];
  for (int64_t i = 0; i < n; i += kBlock) {
    const float* block = logits + i;
    if (i + kBlock > n) {  // beyond the end: out of reach
      for (int64_t k = 0; k < kBlock; ++k) rest[k] = i + k < n ? block[k] : -__builtin_inff();
      block = rest;
    }
#pragma GCC unroll 8
    for (int64_t k = 0; k < kBlock; k += kDoubles) {
      const VecD x = hn::Mul(hn::Sub(hn::PromoteTo(kF64, hn::LoadU(kF32s, block + k)), best), inverse);
      const auto near = hn::Ge(x, lowest);
      const auto bucket = hn::DemoteTo(kI32s, hn::IfThenElse(near, hn::Min(hn::Mul(x, per_x), last), anywhere));
      VecD weight = one;
      if constexpr (!kCount)
        weight = short_exp(hn::MulAdd(hn::ConvertTo(kF64, hn::PromoteTo(I64(), bucket)), width, x));
      hn::Store(hn::IfThenElseZero(near, weight), kF64, weights + k);
      hn::Store(bucket, kI32s, buckets + k);
    }
#pragma GCC unroll 32
    for (int64_t k = 0; k < kBlock; ++k) sums[buckets[k]] += weights[k];
  }
}

void l_weigh(const float* logits, int64_t n, const LogitFall& fall, double* sums) {
  sum_by_bucket<false>(logits, n, fall, sums);
}
void l_count(const float* logits, int64_t n, const LogitFall& fall, double* sums) {
  sum_by_bucket<true>(logits, n, fall, sums);
}

// Compares with the edges in float, slightly widened, first; the few logits that pass are checked exactly.
int64_t l_gather(const float* logits, int64_t n, const LogitFall& fall, int32_t begin, int32_t end, int64_t room,
                 int32_t* indices) {
  const Fall f(fall);
  const auto edge = [&](int32_t bucket, double slack) {
    const double at = f.best - bucket * f.width / f.inverse;
    return static_cast<float>(at + slack * 1e-6 * (__builtin_fabs(f.best) + __builtin_fabs(at)));
  };
  const bool to_end = end > static_cast<int32_t>(f.last);
  const VecF high = hn::Set(kF32, begin == 0 ? __builtin_inff() : edge(begin, 1));
  const VecF low = hn::Set(kF32, to_end ? -__builtin_inff() : edge(end, -1));
  int64_t found = 0;
  const auto take = [&](int64_t i) {
    const double x = f.x_of(logits[i]), bucket = f.bucket_of(x);
    if (x >= f.lowest && bucket >= begin && bucket < end) indices[found++] = static_cast<int32_t>(i);
  };
  int64_t i = 0;
  for (; i + kFloats <= n && found <= room; i += kFloats) {
    const VecF v = hn::LoadU(kF32, logits + i);
    const auto inside = hn::And(hn::Ge(v, low), hn::Le(v, high));
    if (hn::AllFalse(kF32, inside)) continue;
    uint8_t bits[8] = {};
    hn::StoreMaskBits(kF32, inside, bits);
    for (uint32_t left = bits[0] | static_cast<uint32_t>(bits[1]) << 8; left != 0; left &= left - 1)
      take(i + __builtin_ctz(left));
  }
  for (; i < n && found <= room; ++i) take(i);
  return found <= room ? found : room + 1;
}

constexpr LogitKernels kLogitTable = {l_range, l_find, l_weigh, l_count, l_gather};

}  // namespace
}  // namespace hadal::kernels
