// What bootstraps share.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "base/rng.h"
#include "market/stats.h"

namespace hadal::market {

inline double mean_block(const Bootstrap& bootstrap, size_t num_periods) {
  if (bootstrap.mean_block > 0) return std::max(bootstrap.mean_block, 1.0);
  return std::max(2.0, std::cbrt(static_cast<double>(num_periods)));
}

// Politis and Romano's stationary bootstrap: blocks of geometric length, wrapping around.
inline void resample(Rng& rng, double mean_block_length, std::span<size_t> rows) {
  const size_t n = rows.size();
  const double begin_anew = 1 / mean_block_length;
  size_t row = 0;
  for (size_t t = 0; t < n; ++t) {
    row = t == 0 || rng.uniform() < begin_anew ? rng.below(n) : (row + 1 == n ? 0 : row + 1);
    rows[t] = row;
  }
}

// Interpolated linearly between the two nearest of ascending values.
inline double sorted_quantile(std::span<const double> sorted, double share) {
  if (sorted.empty()) return kMissing;
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = std::min(static_cast<size_t>(place), sorted.size() - 1),
             above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace hadal::market
