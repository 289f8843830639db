// Ranks, correlations across instruments at one time, and the error of their mean.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "market/forecast.h"

namespace hadal::market::forecast {

// 1 to n, ties averaged. No value may be missing.
std::vector<double> average_ranks(std::span<const double> values);

// Missing for fewer than two values, or where a side has no spread.
double pearson(std::span<const double> a, std::span<const double> b);
double spearman(std::span<const double> a, std::span<const double> b);

double mean_of(std::span<const double> values);       // missing of none
double deviation_of(std::span<const double> values);  // n - 1; missing of fewer than two

// Standard error of the mean of a series in time whose neighbours depend on each other (Newey and West 1987): Bartlett
// weights 1 - l / (lags + 1), autocovariances over n.
double newey_west_error(std::span<const double> values, int64_t lags);

// IC and rank IC at each row of the parts at which both sides have at least two values, then their means and errors.
Quality quality_of(const std::vector<double>& scores, const std::vector<double>& labels, size_t num_instruments,
                   const std::vector<RowRange>& parts, int64_t horizon);

}  // namespace hadal::market::forecast
