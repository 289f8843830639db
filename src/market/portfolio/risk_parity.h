// Equal contributions to risk, long only:  w_i (Cw)_i = w'Cw / n  for each of n instruments,  sum w = 1.
//
// w = y / sum y, where y minimises  n y'Cy / 2 - sum log y_i  (Spinu 2013, "An algorithm for computing risk parity
// weights"), by Newton's method with steps that are halved down to what self-concordance allows.
#pragma once

#include <string>
#include <vector>

#include "market/portfolio/risk_model.h"

namespace hadal::market {

// The largest |w_i (Cw)_i / w'Cw - 1/n|; infinite where w has no risk. covariance: [n][n].
double contribution_error(const std::vector<double>& covariance, const std::vector<double>& weights);

constexpr double kEqualWithin = 1e-10;

// Error beginning with `who` where the covariance is not positive definite, or contributions differ by more than
// kEqualWithin.
std::vector<double> risk_parity(const std::vector<double>& covariance, size_t n, const std::string& who);

}  // namespace hadal::market
