// A quadratic program with what its formula hides as variables of their own, so that all is sparse and smooth:
// x, y = Fx, and for each absolute term x - b + s = reference with b, s >= 0.
#pragma once

#include <vector>

#include "market/portfolio/kinks.h"

namespace hadal::market::qp {

struct SparseColumns {
  std::vector<int> begins, rows;
  std::vector<double> values;
};

struct Lifted {
  size_t num_columns = 0, num_rows = 0;
  SparseColumns matrix;     // of the rows
  SparseColumns quadratic;  // its lower triangle
  std::vector<double> linear, lower, upper, row_lower, row_upper;
  size_t num_variables = 0;          // the first columns are x
  std::vector<int> rows_of_program;  // of the program's rows and the terms' limits, where these are in `matrix`; or -1
  std::vector<int> rows_of_terms;
  // Multipliers of `matrix`'s rows, in the sense of Point.
  Point point_of(const double* columns, const double* multipliers) const;
};

Lifted lifted_of(const QuadraticProgram& program, const Bounds& bounds);

}  // namespace hadal::market::qp
