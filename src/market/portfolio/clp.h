// Clp (COIN-OR, EPL-2.0, linked). Its headers stay in clp.cc.
#pragma once

#include <vector>

#include "market/portfolio/lifted.h"

namespace hadal::market::qp {

struct ClpAnswer {
  enum class Status { optimal, infeasible, unbounded, stopped } status = Status::stopped;  // what it says of itself
  std::vector<double> columns, multipliers;  // of the lifted program; multipliers in the sense of Point
  int64_t iterations = 0;
};

ClpAnswer clp_solve(const Lifted& lifted);
// Without the quadratic part: a linear program, for which its word counts.
ClpAnswer clp_solve_linear(const Lifted& lifted);

}  // namespace hadal::market::qp
