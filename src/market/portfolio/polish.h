// From a point near the solution to the solution, to rounding.
#pragma once

#include "market/portfolio/kinks.h"

namespace hadal::market::qp {

struct Polished {
  Point point;
  ActiveSet active;  // with which the last step was taken
  double residual = 0;
  int64_t steps = 0;
};

// Takes `active` to hold with equality, solves the linear system that then gives x and the multipliers, corrects the
// set by what contradicts it, and so on, until nothing does, nothing new comes, or `most_steps` were taken. The best
// point of all, by its residual; `start` where none is better.
Polished polish(const QuadraticProgram& program, const Bounds& bounds, const Kinks& kinks, const Point& start,
                ActiveSet active, int64_t most_steps);

}  // namespace hadal::market::qp
