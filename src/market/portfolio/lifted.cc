#include "market/portfolio/lifted.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hadal::market::qp {

namespace {

constexpr double kFree = std::numeric_limits<double>::infinity();

struct Entry {
  int row;
  double value;
};

SparseColumns columns_of(const std::vector<std::vector<Entry>>& columns) {
  SparseColumns sparse;
  sparse.begins.push_back(0);
  for (const std::vector<Entry>& column : columns) {
    for (const Entry& entry : column) {
      sparse.rows.push_back(entry.row);
      sparse.values.push_back(entry.value);
    }
    sparse.begins.push_back(static_cast<int>(sparse.rows.size()));
  }
  return sparse;
}

}  // namespace

Lifted lifted_of(const QuadraticProgram& program, const Bounds& bounds) {
  const size_t n = program.size, k = program.num_factors();
  Lifted l;
  l.num_variables = n;
  l.lower = bounds.lower;
  l.upper = bounds.upper;
  l.lower.insert(l.lower.end(), k, -kFree);
  l.upper.insert(l.upper.end(), k, kFree);
  l.linear = program.linear;
  l.linear.resize(n + k);
  std::vector<std::vector<Entry>> columns(n + k), quadratic(n + k);
  const auto add_row = [&](double lower, double upper) {
    l.row_lower.push_back(lower);
    l.row_upper.push_back(upper);
    return static_cast<int>(l.num_rows++);
  };
  const auto spread = [&](const double* values, int row) {
    for (size_t i = 0; i < n; ++i)
      if (values[i] != 0) columns[i].push_back({row, values[i]});
  };
  for (size_t r = 0; r < program.num_rows(); ++r) {
    const bool limited = bounds.row_lower[r] > -kFree || bounds.row_upper[r] < kFree;
    l.rows_of_program.push_back(limited ? add_row(bounds.row_lower[r], bounds.row_upper[r]) : -1);
    if (limited) spread(program.rows.data() + r * n, l.rows_of_program.back());
  }
  for (size_t f = 0; f < k; ++f) {
    const int row = add_row(0, 0);
    spread(program.factors.data() + f * n, row);
    columns[n + f].push_back({row, -1.0});
    quadratic[n + f].push_back({static_cast<int>(n + f), 1.0});
  }
  for (size_t i = 0; i < n; ++i) {
    double on_diagonal = program.diagonal.empty() ? 0 : program.diagonal[i];
    if (!program.dense.empty()) on_diagonal += program.dense[i * n + i];
    if (on_diagonal != 0) quadratic[i].push_back({static_cast<int>(i), on_diagonal});
    if (!program.dense.empty())
      for (size_t below = i + 1; below < n; ++below)
        if (const double value = program.dense[below * n + i]; value != 0)
          quadratic[i].push_back({static_cast<int>(below), value});
  }
  for (size_t j = 0; j < program.terms.size(); ++j) {
    const AbsoluteTerm& term = program.terms[j];
    const bool limited = bounds.term[j] < kFree;
    l.rows_of_terms.push_back(limited ? add_row(-kFree, bounds.term[j]) : -1);
    for (size_t i = 0; i < n; ++i) {
      if (!limited && term.cost[i] == 0) continue;
      const int row = add_row(term.reference[i], term.reference[i]);
      columns[i].push_back({row, 1.0});
      for (const double sign : {-1.0, 1.0}) {  // b, s
        std::vector<Entry>& column = columns.emplace_back();
        if (limited) column.push_back({l.rows_of_terms[j], 1.0});
        column.push_back({row, sign});
        l.lower.push_back(0);
        l.upper.push_back(kFree);
        l.linear.push_back(term.cost[i]);
      }
    }
  }
  l.num_columns = columns.size();
  quadratic.resize(l.num_columns);
  l.matrix = columns_of(columns);
  l.quadratic = columns_of(quadratic);
  return l;
}

Point Lifted::point_of(const double* columns, const double* multipliers) const {
  Point point{{columns, columns + num_variables}, {}, {}};
  for (const int row : rows_of_program) point.row.push_back(row < 0 ? 0 : multipliers[row]);
  for (const int row : rows_of_terms) point.term.push_back(row < 0 ? 0 : std::max(0.0, multipliers[row]));
  return point;
}

}  // namespace hadal::market::qp
