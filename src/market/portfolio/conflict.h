// Why a program has no solution.
#pragma once

#include <string>
#include <vector>

#include "market/portfolio/kinks.h"

namespace hadal::market::qp {

// Names of limits that cannot hold together, while without any one of them the others can; empty where all can.
std::vector<std::string> conflict_of(const QuadraticProgram& program);

// Whether the objective falls without end: along a direction that no limit and no curvature stops.
bool is_unbounded(const QuadraticProgram& program);

}  // namespace hadal::market::qp
