// The linear systems of quadratic programs. Eigen stays behind this header.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "market/optimize.h"

namespace hadal::market::qp {

// P of some variables, with rows that hold with equality:  [P G'; G 0] [dx; dy] = [a; b].
// A trace of regularisation makes it solvable where P or G lack rank; who solves again for what is left of the right
// side comes to a solution of the system itself where it has one.
class EqualitySystem {
 public:
  // rows: G, [num_rows][variables.size()]. Rows that touch none of the variables get large multipliers, against what is
  // missing.
  EqualitySystem(const QuadraticProgram& program, const std::vector<uint32_t>& variables,
                 const std::vector<double>& rows, size_t num_rows);
  ~EqualitySystem();
  void solve(std::vector<double>& a, std::vector<double>& b) const;  // in place

 private:
  struct Factors;
  std::unique_ptr<Factors> factors_;
};

// A sparse symmetric quasi-definite matrix, by LDL' in an order that is found once for its pattern.
class SparseSystem {
 public:
  // The lower triangle by columns, each column's rows ascending, every diagonal entry among them.
  SparseSystem(std::vector<int> begins, std::vector<int> rows);
  ~SparseSystem();
  bool factor(const std::vector<double>& values);  // false where it breaks down
  void solve(std::vector<double>& right) const;

 private:
  struct Factors;
  std::unique_ptr<Factors> factors_;
};

// The smallest eigenvalue of a symmetric matrix [n][n] where it is below -tolerance * the largest diagonal entry; 0
// for one that is positive semidefinite within that.
double negative_eigenvalue(const std::vector<double>& matrix, size_t n, double tolerance);

// The `count` largest eigenvalues of a symmetric matrix [n][n], descending, and a vector of length 1 for each.
struct Eigenpairs {
  std::vector<double> values, vectors;  // [count], [count][n]
};
Eigenpairs largest_eigenpairs(const std::vector<double>& matrix, size_t n, size_t count);

// x of  matrix x = right,  by Cholesky; empty where the matrix [n][n] is not positive definite.
std::vector<double> solve_definite(const std::vector<double>& matrix, const std::vector<double>& right);

}  // namespace hadal::market::qp
