// Quantiles of windows, by a sorted list that each bar enters and leaves: what is selected does not depend on the way.
#pragma once

#include <cstdint>
#include <span>

namespace hadal::market::factors {

struct Quantile {
  double share;
  double* out;  // [row][lane]
};

// Of each lane's window, with linear interpolation between neighbours in order; what is missing is skipped. `x` points
// to the first of `rows` rows of a tile (kernels.h); window - 1 rows stand before it. `lanes`: how many are computed.
void rolling_quantiles(const double* x, int64_t window, int64_t rows, int lanes, std::span<const Quantile> quantiles);

}  // namespace hadal::market::factors
