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
  double high =
      std::min(static_cast<double>(dim - 1), std::ceil(correction_index(s.beta_slow, dim, theta, s.original_context)));
  if (low == high) high += 0.001;
  const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
  return plain / s.factor * ramp + plain * (1 - ramp);
}

double llama3_frequency(double plain, const RopeScaling& s) {
  const double wavelength = 2 * std::numbers::pi / plain;
  if (wavelength > s.original_context / s.low_freq_factor) return plain / s.factor;
  if (wavelength < s.original_context / s.high_freq_factor) return plain;
  const double smooth =
      (s.original_context / wavelength - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
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
    if (s.kind == RopeScaling::Kind::linear) frequency /= s.factor;
    if (s.kind == RopeScaling::Kind::yarn) frequency = yarn_frequency(frequency, i, dim, c.rope_theta, s);
    if (s.kind == RopeScaling::Kind::llama3) frequency = llama3_frequency(frequency, s);
    if (s.kind == RopeScaling::Kind::factors) frequency /= s.factors[static_cast<size_t>(i)];
    rope.inv_freq.push_back(static_cast<float>(frequency));
  }
  if (s.kind == RopeScaling::Kind::yarn)
    rope.attention_factor =
        static_cast<float>(yarn_mscale(s.factor, s.mscale) / yarn_mscale(s.factor, s.mscale_all_dim));
  return rope;
}

std::vector<float> rope_factors(const ModelConfig& c) {
  if (c.rope_scaling.kind == RopeScaling::Kind::factors) return c.rope_scaling.factors;
  if (c.rope_scaling.kind != RopeScaling::Kind::llama3) return {};
  ModelConfig plain = c;
  plain.rope_scaling = {};
  const Rope scaled = rope_angles(c), unscaled = rope_angles(plain);
  std::vector<float> factors;
  for (size_t i = 0; i < scaled.inv_freq.size(); ++i) factors.push_back(unscaled.inv_freq[i] / scaled.inv_freq[i]);
  return factors;
}

std::optional<RopeScaling> as_llama3(const ModelConfig& c) {
  const std::vector<float> factors = rope_factors(c);
  if (factors.empty()) return std::nullopt;
  ModelConfig guess = c;
  guess.rope_scaling = {.kind = RopeScaling::Kind::llama3, .factor = *std::max_element(factors.begin(), factors.end())};
  for (int power = 7; power <= 20; ++power) {  // the two other parameters are the same in every Llama 3
    guess.rope_scaling.original_context = std::exp2(power);
    const auto near = [](float a, float b) { return std::abs(a - b) <= 1e-5f * std::abs(a); };
    if (std::ranges::equal(rope_factors(guess), factors, near)) return guess.rope_scaling;
  }
  return std::nullopt;
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
