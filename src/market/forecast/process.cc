#include "market/forecast/process.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "market/stats.h"

namespace hadal::market::forecast {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kDeviationOfMad = 1.4826;  // of a normal distribution, over its median absolute deviation

// Of at least one value, which are reordered.
double median(std::vector<double>& values) {
  const size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + half, values.end());
  const double upper = values[half];
  if (values.size() % 2 == 1) return upper;
  return 0.5 * (*std::max_element(values.begin(), values.begin() + half) + upper);
}

// The limits of winsorizing; `values` are present ones and are used up.
std::pair<double, double> limits(std::vector<double>& values) {
  if (values.empty()) return {-kInfinity, kInfinity};
  const double middle = median(values);
  for (double& value : values) value = std::fabs(value - middle);
  const double reach = 3 * kDeviationOfMad * median(values);
  if (!(reach > 0)) return {-kInfinity, kInfinity};  // most are equal: there is no measure of what is far
  return {middle - reach, middle + reach};
}

// Shift and scale of the z-score.
std::pair<double, double> standard(std::span<const double> values) {
  if (values.empty()) return {0, 0};
  const Moments moments = moments_of(values);
  const bool flat = std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; });
  if (flat || !(moments.sd > 0)) return {moments.mean, 0};
  return {moments.mean, 1 / moments.sd};
}

void present_of(std::span<const double> values, std::vector<double>& present) {
  present.clear();
  for (const double value : values)
    if (!std::isnan(value)) present.push_back(value);
}

void rank(std::span<double> values, std::vector<double>& present) {
  present_of(values, present);
  const std::vector<double> ranks = average_ranks(present);
  const auto n = static_cast<double>(present.size());
  size_t next = 0;
  for (double& value : values)
    if (!std::isnan(value)) value = (ranks[next++] - 0.5 * (n + 1)) / n;
}

void transform(std::span<double> values, double low, double high, double shift, double scale) {
  for (double& value : values)
    if (!std::isnan(value)) value = (std::clamp(value, low, high) - shift) * scale;
}

}  // namespace

std::vector<Step> steps_of(const std::vector<std::string>& names) {
  static const std::vector<std::pair<std::string, Step::Kind>> kinds = {{"cs_winsorize", Step::Kind::cs_winsorize},
                                                                        {"cs_zscore", Step::Kind::cs_zscore},
                                                                        {"cs_rank", Step::Kind::cs_rank},
                                                                        {"winsorize", Step::Kind::winsorize},
                                                                        {"zscore", Step::Kind::zscore},
                                                                        {"fill_zero", Step::Kind::fill_zero}};
  std::vector<Step> steps;
  for (const auto& name : names) {
    const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const auto& kind) { return kind.first == name; });
    HADAL_CHECK(found != kinds.end(), "no step {}", name);
    steps.emplace_back().kind = found->second;
  }
  return steps;
}

void apply(const Step& step, size_t feature, std::span<double> values) {
  thread_local std::vector<double> present;
  switch (step.kind) {
    case Step::Kind::cs_winsorize: {
      present_of(values, present);
      const auto [low, high] = limits(present);
      return transform(values, low, high, 0, 1);
    }
    case Step::Kind::cs_zscore: {
      present_of(values, present);
      const auto [shift, scale] = standard(present);
      return transform(values, -kInfinity, kInfinity, shift, scale);
    }
    case Step::Kind::cs_rank:
      return rank(values, present);
    case Step::Kind::winsorize:
    case Step::Kind::zscore:
      return transform(values, step.low[feature], step.high[feature], step.shift[feature], step.scale[feature]);
    case Step::Kind::fill_zero:
      for (double& value : values)
        if (std::isnan(value)) value = 0;
  }
}

void fit(Step& step, size_t feature, std::vector<double>& values) {
  HADAL_CHECK(step.has_state(), "nothing to fit");
  std::erase_if(values, [](double v) { return std::isnan(v); });
  double low = -kInfinity, high = kInfinity, shift = 0, scale = 1;
  if (step.kind == Step::Kind::zscore)
    std::tie(shift, scale) = standard(values);
  else
    std::tie(low, high) = limits(values);
  for (auto* state : {&step.low, &step.high, &step.shift, &step.scale})
    if (state->size() <= feature) state->resize(feature + 1);
  step.low[feature] = low, step.high[feature] = high, step.shift[feature] = shift, step.scale[feature] = scale;
}

}  // namespace hadal::market::forecast
