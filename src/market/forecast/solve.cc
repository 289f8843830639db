#include "market/forecast/solve.h"

#define EIGEN_DONT_PARALLELIZE
#include <eigen3/Eigen/Cholesky>

#include "base/error.h"

namespace hadal::market::forecast {

std::vector<double> solve_ridge(const std::vector<double>& a, const std::vector<double>& b, size_t n, size_t columns,
                                double penalty, const std::string& who) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  HADAL_CHECK(a.size() == n * n && b.size() == n * columns, "{} x {}", a.size(), b.size());
  const auto size = static_cast<Eigen::Index>(n), width = static_cast<Eigen::Index>(columns);
  Eigen::MatrixXd matrix = Eigen::Map<const Matrix>(a.data(), size, size);
  matrix.diagonal().array() += penalty;
  const Eigen::LDLT<Eigen::MatrixXd> factors(matrix);
  const Eigen::VectorXd pivots = factors.vectorD();
  const double largest = n > 0 ? pivots.maxCoeff() : 0, smallest = n > 0 ? pivots.minCoeff() : 0;
  if (factors.info() != Eigen::Success || !(smallest > 1e-13 * largest)) {
    fail(
        "{}: expected features that do not depend on each other, found some that do (pivots from {:.3g} to {:.3g}); "
        "take a larger penalty than {:g}",
        who, smallest, largest, penalty);
  }
  std::vector<double> x(b.size());
  Eigen::Map<Matrix> out(x.data(), size, width);
  const Eigen::Map<const Matrix> right(b.data(), size, width);
  for (Eigen::Index column = 0; column < width; ++column) {
    const Eigen::VectorXd one = right.col(column);
    out.col(column) = factors.solve(one);
  }
  return x;
}

}  // namespace hadal::market::forecast
