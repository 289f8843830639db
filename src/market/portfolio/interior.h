// A primal-dual interior point method with predictor and corrector (Mehrotra 1992) for lifted programs.
#pragma once

#include "market/portfolio/lifted.h"

namespace hadal::market::qp {

struct InteriorAnswer {
  std::vector<double> columns, multipliers;  // multipliers in the sense of Point
  int64_t iterations = 0;
};

// The last point it came to; whether that is a solution its residual says. Lower bounds lie below upper ones.
InteriorAnswer interior_solve(const Lifted& lifted);

}  // namespace hadal::market::qp
