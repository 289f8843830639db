#include "model/rope_angles.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hadal {
namespace {

double yarn_mscale(double factor, double mscale) { return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0; }

// The frequency index at which `rotations` full turns fit in the original context (Peng et al. 2023, section 3.2).
double correction_index(double rotations, int64_t dim, double theta, double context) {
  return static_cast<double>(dim) * std::log(context / (rotations * 2 * std::numbers::pi)) / (2 * std::log(theta));
}

double yarn_frequency(double plain, int64_t i, int64_t dim, double theta, const RopeScaling& s) {
  const double low = std::max(0.0, std::floor(correction_index(s.beta_fast, dim, theta, s.original_context)));
  double high = std::min(static_cast<double>(dim - 1), std::ceil(correction_index(s.beta_slow, dim, theta, s.original_context)));
  if (low == high) high += 0.001;
  const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
  return plain / s.factor * ramp + plain * (1 - ramp);
}

double llama3_frequency(double plain, const RopeScaling& s) {
  const double wavelength = 2 * std::numbers::pi / plain;
  if (wavelength > s.original_context / s.low_freq_factor) return plain / s.factor;
  if (wavelength < s.original_context / s.high_freq_factor) return plain;
  const double smooth = (s.original_context / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
  return (1 - smooth) * plain / s.factor + smooth * plain;
}

}  // namespace

Rope rope_angles(const ModelConfig& c) {
  Rope rope;
  const int64_t dim = c.is_mla() ? c.rope_dim : c.head_dim;
  const RopeScaling& s = c.rope_scaling;
  rope.interleaved = c.is_mla() || c.rope_pairs;
  for (int64_t i = 0; i < dim / 2; ++i) {
    double frequency = std::pow(c.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
    if (s.kind == RopeScaling::Kind::yarn) frequency = yarn_frequency(frequency, i, dim, c.rope_theta, s);
    if (s.kind == RopeScaling::Kind::llama3) frequency = llama3_frequency(frequency, s);
    if (s.kind == RopeScaling::Kind::factors) frequency /= s.factors[static_cast<size_t>(i)];
    rope.inv_freq.push_back(static_cast<float>(frequency));
  }
  if (s.kind == RopeScaling::Kind::yarn)
    rope.attention_factor = static_cast<float>(yarn_mscale(s.factor, s.mscale) / yarn_mscale(s.factor, s.mscale_all_dim));
  return rope;
}

float attention_scale_of(const ModelConfig& c) {
  const double dim = static_cast<double>(c.is_mla() ? c.nope_dim + c.rope_dim : c.head_dim);
  double scale = 1 / std::sqrt(dim);
  if (c.rope_scaling.kind == RopeScaling::Kind::yarn && c.rope_scaling.mscale_all_dim != 0) {
    const double mscale = yarn_mscale(c.rope_scaling.factor, c.rope_scaling.mscale_all_dim);
    scale *= mscale * mscale;
  }
  return static_cast<float>(scale);
}

}  // namespace hadal
