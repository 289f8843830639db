// Portfolio problems with an index, factors, caps and turnover, of any size. Tests and measurements only.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"
#include "market/optimize.h"

namespace hadal::market::test {

inline std::vector<double> random_means(size_t assets, uint64_t seed) {
  Rng rng(seed, 7);
  std::vector<double> mean(assets);
  for (double& m : mean) m = 0.02 * rng.normal();
  return mean;
}

// Long only around an index: bounds of 1.5% beside its weights, factor exposures near its own, 30% turnover.
inline PortfolioProblem random_portfolio(size_t assets, size_t factors, uint64_t seed) {
  Rng rng(seed);
  PortfolioProblem p;
  p.mean = random_means(assets, seed);
  for (size_t i = 0; i < assets * factors; ++i) p.loadings.push_back(0.1 * rng.normal());
  double sum = 0;
  for (size_t i = 0; i < assets; ++i) {
    p.specific.push_back(0.01 + 0.05 * rng.uniform());
    p.current.push_back(0.05 + rng.uniform());
    sum += p.current.back();
  }
  for (double& w : p.current) w /= sum;
  p.benchmark = p.current;
  p.risk_aversion = 10;
  p.cost.assign(assets, 0.0005);
  p.budget = 1;
  const double cap = std::max(0.015, 4.0 / static_cast<double>(assets));
  for (size_t i = 0; i < assets; ++i) {
    p.lower.push_back(std::max(0.0, p.current[i] - cap));
    p.upper.push_back(p.current[i] + cap);
  }
  for (size_t f = 0; f < std::min<size_t>(factors, 5); ++f) {
    std::vector<double> exposure;
    double own = 0;
    for (size_t i = 0; i < assets; ++i) {
      exposure.push_back(p.loadings[i * factors + f]);
      own += exposure.back() * p.current[i];
    }
    p.factor_limits.push_back({std::move(exposure), own - 0.01, own + 0.01});
  }
  p.turnover = 0.3;
  return p;
}

}  // namespace hadal::market::test
