// A quadratic program as its optimality conditions see it: each variable runs over a line that bounds and the
// references of absolute terms cut into segments; at a solution it either stands at such a cut (held there by a
// multiplier) or inside of a segment, where the gradient vanishes.
#pragma once

#include <cstdint>
#include <vector>

#include "market/optimize.h"

namespace hadal::market::qp {

// The limits that hold, of those `kept` (all where empty).
struct Bounds {
  std::vector<double> lower, upper;          // [n]
  std::vector<double> row_lower, row_upper;  // [m]
  std::vector<double> term;                  // [terms]
};
Bounds bounds_of(const QuadraticProgram& program, const std::vector<bool>& kept = {});

// x with the multipliers of rows (> 0 where the upper limit holds, < 0 the lower one) and of the terms' limits (>= 0).
struct Point {
  std::vector<double> x, row, term;
};

enum class RowState : int8_t { at_lower = -1, free = 0, at_upper = 1 };

// What holds with equality.
struct ActiveSet {
  std::vector<int> place;      // of each variable: 2t + 1 is at its cut t, 2t between the cuts t - 1 and t
  std::vector<RowState> rows;  // an equality is always at_lower
  std::vector<char> terms;     // whether the limit holds with equality
  bool operator==(const ActiveSet&) const = default;
};

class Kinks {
 public:
  Kinks(const QuadraticProgram& program, const Bounds& bounds);

  static bool at_cut(int place) { return place % 2 != 0; }
  double cut(size_t i, int t) const { return cuts_[first_[i] + static_cast<size_t>(t)]; }
  int num_cuts(size_t i) const { return static_cast<int>(first_[i + 1] - first_[i]); }
  double segment_begin(size_t i, int place) const;  // of a place between cuts; +-infinity where there is no cut
  double segment_end(size_t i, int place) const;
  // +-1: the sign of x - reference of a term within a segment.
  int sign(size_t i, int segment, size_t term) const;
  // d/dx of all |x_i - reference| times their weights within a segment; +-infinity beyond a bound.
  double slope(size_t i, int segment, const std::vector<double>& term_multipliers) const;
  // Where variable i comes to lie when it minimises (z - target)^2 / 2 + step * (its absolute terms) within its bounds.
  struct Landing {
    double z;
    int place;
  };
  Landing land(size_t i, double target, double step, const std::vector<double>& term_multipliers) const;
  int place_of(size_t i, double x, double near) const;  // at a cut where x is at most `near` from it

 private:
  const QuadraticProgram& program_;
  const Bounds& bounds_;
  std::vector<size_t> first_;  // [n + 1]
  std::vector<double> cuts_;
};

// Px + q + A' row, without the absolute terms.
std::vector<double> gradient_of(const QuadraticProgram& program, const Point& point);
std::vector<double> row_values(const QuadraticProgram& program, const std::vector<double>& x);  // Ax
double distance_sum(const AbsoluteTerm& term, const std::vector<double>& x);                    // sum |x - reference|
double objective_of(const QuadraticProgram& program, const std::vector<double>& x);             // as it is told
double residual_of(const QuadraticProgram& program, const Bounds& bounds, const Kinks& kinks, const Point& point);

// What seems to hold with equality at a point: by distance, and where `by_multipliers` by where it tends to.
ActiveSet active_set_of(const QuadraticProgram& program, const Bounds& bounds, const Kinks& kinks, const Point& point,
                        double near, bool by_multipliers);
double largest_diagonal(const QuadraticProgram& program);  // of P

}  // namespace hadal::market::qp
