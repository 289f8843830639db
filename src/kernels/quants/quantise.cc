// Quantises values to blocks. For each type this is a search over scales around the one that just represents the
// largest value. Each candidate is tried twice: with the codes nearest to the values, and again after a least-squares
// fit of the scale to those codes. The least squared error wins, measured with the scale as the block stores it (f16,
// or an integer times d). Fit and search need each other: the best scale depends on the codes, which depend on the
// scale.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/half.h"
#include "kernels/quant.h"

namespace hadal {
namespace {

constexpr float kLargestHalf = 65504.0f;

float to_stored(float d) { return half_to_float(float_to_half(std::clamp(d, -kLargestHalf, kLargestHalf))); }
void put_half(std::byte* at, float d) {
  const uint16_t bits = float_to_half(std::clamp(d, -kLargestHalf, kLargestHalf));
  std::memcpy(at, &bits, sizeof bits);
}

// Sums run in lanes and rounding is an addition, so that the compiler vectorises them. n is a multiple of kLanes.
constexpr int kLanes = 8;
float rounded(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }  // to the nearest; |x| < 2^22
float between(float x, float low, float high) { return x < low ? low : x > high ? high : x; }
float sum(const float* lanes) {
  float total = 0;
  for (int l = 0; l < kLanes; ++l) total += lanes[l];
  return total;
}
float inverse_of(float d) { return d == 0 ? 0.0f : 1.0f / d; }

// x ~ d * code, codes from lo to hi.
struct Codes {
  int lo, hi;
  float code(float x, float inverse) const {
    return rounded(between(x * inverse, static_cast<float>(lo), static_cast<float>(hi)));
  }
  int nearest(float x, float inverse) const { return static_cast<int>(code(x, inverse)); }
};

float squared_error(const float* x, int n, float d, Codes codes) {
  const float inverse = inverse_of(d);
  float error[kLanes] = {};
  for (int i = 0; i < n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float e = x[i + l] - d * codes.code(x[i + l], inverse);
      error[l] += e * e;
    }
  }
  return sum(error);
}

// Least squares: the scale that fits best to the codes of scale d.
float refined(const float* x, int n, float d, Codes codes) {
  const float inverse = inverse_of(d);
  float qx[kLanes] = {}, qq[kLanes] = {};
  for (int i = 0; i < n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float q = codes.code(x[i + l], inverse);
      qx[l] += q * x[i + l], qq[l] += q * q;
    }
  }
  const float size = sum(qq);
  return size > 0 ? sum(qx) / size : d;
}

float largest(const float* x, int n) {  // in magnitude, with its sign
  return *std::max_element(x, x + n, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
}

// `stored` rounds a scale as the block stores it.
template <typename Stored>
float best_scale(const float* x, int n, Codes codes, int tries, float width, Stored&& stored) {
  const float top = largest(x, n);
  if (top == 0) return 0;
  float best = 0, best_error = INFINITY;
  const auto attempt = [&](float d) {
    const float error = squared_error(x, n, d, codes);
    if (error < best_error) best = d, best_error = error;
  };
  for (int t = -tries; t <= tries; ++t) {
    const float d = stored(top / (static_cast<float>(codes.lo) + width * static_cast<float>(t)));
    attempt(d);
    attempt(stored(refined(x, n, d, codes)));
  }
  return best;
}

void quantise_q8_0(const float* x, std::byte* out) {
  constexpr Codes kCodes{-127, 127};
  const float d = best_scale(x, 32, kCodes, 1, 0.5f, to_stored), inverse = inverse_of(d);
  put_half(out, d);
  for (int i = 0; i < 32; ++i) out[2 + i] = static_cast<std::byte>(kCodes.nearest(x[i], inverse));
}

void quantise_q4_0(const float* x, std::byte* out) {
  constexpr Codes kCodes{-8, 7};
  const float d = best_scale(x, 32, kCodes, 9, 0.1f, to_stored), inverse = inverse_of(d);
  put_half(out, d);
  for (int i = 0; i < 16; ++i)
    out[2 + i] =
        static_cast<std::byte>((kCodes.nearest(x[i], inverse) + 8) | (kCodes.nearest(x[i + 16], inverse) + 8) << 4);
}

void quantise_q5_0(const float* x, std::byte* out) {
  constexpr Codes kCodes{-16, 15};
  const float d = best_scale(x, 32, kCodes, 9, 0.1f, to_stored), inverse = inverse_of(d);
  put_half(out, d);
  uint32_t high = 0;
  for (int i = 0; i < 16; ++i) {
    const auto low = static_cast<uint32_t>(kCodes.nearest(x[i], inverse) + 16);
    const auto upper = static_cast<uint32_t>(kCodes.nearest(x[i + 16], inverse) + 16);
    out[6 + i] = static_cast<std::byte>((low & 15) | (upper & 15) << 4);
    high |= (low >> 4) << i | (upper >> 4) << (i + 16);
  }
  std::memcpy(out + 2, &high, sizeof high);
}

void quantise_q6_k(const float* x, std::byte* out) {
  constexpr Codes kCodes{-32, 31};
  float ideal[16];
  for (int g = 0; g < 16; ++g) ideal[g] = best_scale(x + 16 * g, 16, kCodes, 9, 0.1f, [](float d) { return d; });
  const float d = to_stored(largest(ideal, 16) / -128), inverse = inverse_of(d);
  std::memset(out, 0, 208);
  put_half(out + 208, d);
  for (int g = 0; g < 16; ++g) {
    const float* part = x + 16 * g;
    const int middle = Codes{-128, 127}.nearest(ideal[g], inverse);
    int scale = middle;
    float best_error = INFINITY;
    for (int s = std::max(-128, middle - 1); s <= std::min(127, middle + 1); ++s) {
      const float error = squared_error(part, 16, d * static_cast<float>(s), kCodes);
      if (error < best_error) scale = s, best_error = error;
    }
    out[192 + g] = static_cast<std::byte>(scale);
    const float code_inverse = inverse_of(d * static_cast<float>(scale));
    for (int j = 0; j < 16; ++j) {
      const int i = 16 * g + j, code = kCodes.nearest(part[j], code_inverse) + 32, half = i / 128,
                quarter = i % 128 / 32;
      out[half * 64 + quarter % 2 * 32 + i % 32] |= static_cast<std::byte>((code & 15) << (quarter / 2 * 4));
      out[128 + half * 32 + i % 32] |= static_cast<std::byte>((code >> 4) << (quarter * 2));
    }
  }
}

// x ~ d * code - m, codes from 0 to `top`, d and m not negative.
struct Affine {
  float d = 0, m = 0;
};
float affine_code(float x, Affine a, float inverse, int top) {
  return rounded(between((x + a.m) * inverse, 0.0f, static_cast<float>(top)));
}
int nearest_affine(float x, Affine a, float inverse, int top) {
  return static_cast<int>(affine_code(x, a, inverse, top));
}
float squared_error(const float* x, int n, Affine a, int top) {
  const float inverse = inverse_of(a.d);
  float error[kLanes] = {};
  for (int i = 0; i < n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float e = x[i + l] - (a.d * affine_code(x[i + l], a, inverse, top) - a.m);
      error[l] += e * e;
    }
  }
  return sum(error);
}

// Least squares: d and m that fit best to the codes of `a`.
Affine refined(const float* x, int n, Affine a, int top) {
  const float inverse = inverse_of(a.d);
  float q[kLanes] = {}, qq[kLanes] = {}, xs[kLanes] = {}, qx[kLanes] = {};
  for (int i = 0; i < n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float code = affine_code(x[i + l], a, inverse, top);
      q[l] += code, qq[l] += code * code, xs[l] += x[i + l], qx[l] += code * x[i + l];
    }
  }
  const float count = static_cast<float>(n), q1 = sum(q), q2 = sum(qq), x1 = sum(xs), x2 = sum(qx);
  const float det = count * q2 - q1 * q1;
  if (det <= 0) return a;
  Affine fit{(count * x2 - q1 * x1) / det, (q1 * x2 - q2 * x1) / det};
  if (fit.m < 0) fit = {q2 > 0 ? x2 / q2 : a.d, 0};
  return fit.d > 0 ? fit : a;
}

Affine best_affine(const float* x, int n, int top) {
  const auto [low, high] = std::minmax_element(x, x + n);
  const float m = std::max(0.0f, -*low), range = *high + m;
  if (range <= 0) return {0, m};  // all values are equal
  Affine best;
  float best_error = INFINITY;
  const auto attempt = [&](Affine a) {
    const float error = squared_error(x, n, a, top);
    if (error < best_error) best = a, best_error = error;
  };
  for (int t = -10; t <= 6; ++t) {
    const Affine a{range / (static_cast<float>(top) + 0.1f * static_cast<float>(t)), m};
    attempt(a);
    attempt(refined(x, n, a, top));
  }
  return best;
}

void quantise_q5_1(const float* x, std::byte* out) {
  const Affine ideal = best_affine(x, 32, 31), a{to_stored(ideal.d), -to_stored(-ideal.m)};
  const float inverse = inverse_of(a.d);
  put_half(out, a.d), put_half(out + 2, -a.m);
  uint32_t high = 0;
  for (int i = 0; i < 16; ++i) {
    const auto low = static_cast<uint32_t>(nearest_affine(x[i], a, inverse, 31));
    const auto upper = static_cast<uint32_t>(nearest_affine(x[i + 16], a, inverse, 31));
    out[8 + i] = static_cast<std::byte>((low & 15) | (upper & 15) << 4);
    high |= (low >> 4) << i | (upper >> 4) << (i + 16);
  }
  std::memcpy(out + 4, &high, sizeof high);
}

// Packs 8 scales and 8 minima of 6 bits into 12 bytes.
void put_scales(const int* scales, const int* mins, std::byte* out) {
  for (int g = 0; g < 4; ++g) {
    out[g] = static_cast<std::byte>(scales[g] | (scales[g + 4] >> 4) << 6);
    out[g + 4] = static_cast<std::byte>(mins[g] | (mins[g + 4] >> 4) << 6);
    out[g + 8] = static_cast<std::byte>((scales[g + 4] & 15) | (mins[g + 4] & 15) << 4);
  }
}

// Q4_K (kTop 15) and Q5_K (kTop 31): 8 groups of 32.
template <int kTop>
void quantise_q45_k(const float* x, std::byte* out) {
  constexpr int kHeader = kTop == 15 ? 16 : 48;
  Affine ideal[8];
  float top_d = 0, top_m = 0;
  for (int g = 0; g < 8; ++g) {
    ideal[g] = best_affine(x + 32 * g, 32, kTop);
    top_d = std::max(top_d, ideal[g].d), top_m = std::max(top_m, ideal[g].m);
  }
  const float d = to_stored(top_d / 63), m = to_stored(top_m / 63);
  std::memset(out, 0, kHeader + 128);
  put_half(out, d), put_half(out + 2, m);
  int scales[8], mins[8];
  for (int g = 0; g < 8; ++g) {
    const float* part = x + 32 * g;
    const int middle_d = Codes{0, 63}.nearest(ideal[g].d, inverse_of(d)),
              middle_m = Codes{0, 63}.nearest(ideal[g].m, inverse_of(m));
    float best_error = INFINITY;
    for (int s = std::max(0, middle_d - 1); s <= std::min(63, middle_d + 1); ++s)
      for (int t = std::max(0, middle_m - 1); t <= std::min(63, middle_m + 1); ++t) {
        const float error = squared_error(part, 32, {d * static_cast<float>(s), m * static_cast<float>(t)}, kTop);
        if (error < best_error) scales[g] = s, mins[g] = t, best_error = error;
      }
    const Affine a{d * static_cast<float>(scales[g]), m * static_cast<float>(mins[g])};
    const float inverse = inverse_of(a.d);
    for (int i = 0; i < 32; ++i) {
      const int code = nearest_affine(part[i], a, inverse, kTop);
      out[kHeader + g / 2 * 32 + i] |= static_cast<std::byte>((code & 15) << (g % 2 * 4));
      if (kTop > 15) out[16 + i] |= static_cast<std::byte>((code >> 4) << g);
    }
  }
  put_scales(scales, mins, out + 4);
}

using QuantiseFn = void (*)(const float*, std::byte*);
QuantiseFn quantiser(QuantType type) {
  switch (type) {
    case QuantType::q8_0:
      return quantise_q8_0;
    case QuantType::q4_0:
      return quantise_q4_0;
    case QuantType::q5_0:
      return quantise_q5_0;
    case QuantType::q5_1:
      return quantise_q5_1;
    case QuantType::f16:
      return [](const float* x, std::byte* out) { put_half(out, *x); };
    case QuantType::q4_k:
      return quantise_q45_k<15>;
    case QuantType::q5_k:
      return quantise_q45_k<31>;
    case QuantType::q6_k:
      return quantise_q6_k;
    default:
      return nullptr;
  }
}

}  // namespace

bool can_quantise(QuantType type) { return quantiser(type) != nullptr; }

void quantise_row(QuantType type, const float* x, int64_t n, std::byte* out) {
  const QuantFormat& format = quant_format(type);
  HADAL_CHECK(can_quantise(type) && n % format.block_weights == 0, "{} values as {}", n, format.name);
  for (int64_t i = 0; i < n; i += format.block_weights, out += format.block_bytes) quantiser(type)(x + i, out);
}

}  // namespace hadal
