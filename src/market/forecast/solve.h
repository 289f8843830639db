// The linear algebra of ridge regression.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace hadal::market::forecast {

// x = (a + penalty I)^-1 b by LDL'. a: [n][n], symmetric, positive semidefinite; b and x: [n][columns]. Error beginning
// with `who` where the matrix is singular. Column by column, so that the bits do not depend on the size of a cache.
std::vector<double> solve_ridge(const std::vector<double>& a, const std::vector<double>& b, size_t n, size_t columns,
                                double penalty, const std::string& who);

}  // namespace hadal::market::forecast
