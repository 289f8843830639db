// The steps of [process]: of one value's cross-section at one time, or with a state that is fitted in the training
// part.
//
//   cs_winsorize   clamps to median +- 3 * 1.4826 * (median absolute deviation) of the row; nothing where that is 0
//   cs_zscore      minus the row's mean, over its deviation (n - 1); 0 without a spread
//   cs_rank        the row's ranks, ties averaged, as (rank - (n + 1) / 2) / n: within (-.5, .5), mean 0
//   winsorize, zscore   the same two by the training part's values of that feature
//   fill_zero      0 for what is missing
#pragma once

#include <span>
#include <string>
#include <vector>

namespace hadal::market::forecast {

struct Step {
  enum class Kind { cs_winsorize, cs_zscore, cs_rank, winsorize, zscore, fill_zero };
  Kind kind = Kind::fill_zero;
  // Of the two with a state, for each feature: v -> (clamp(v, low, high) - shift) * scale.
  std::vector<double> low, high, shift, scale;
  bool has_state() const { return kind == Kind::winsorize || kind == Kind::zscore; }
};

std::vector<Step> steps_of(const std::vector<std::string>& names);

// `values`: one feature's, of the instruments that are there at one time; missing ones are NaN and stay so, but for
// fill_zero.
void apply(const Step& step, size_t feature, std::span<double> values);

// Fits a step with a state for one feature; `values` is reordered. Missing ones are skipped.
void fit(Step& step, size_t feature, std::vector<double>& values);

}  // namespace hadal::market::forecast
