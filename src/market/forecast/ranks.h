// How well scores rank what came.
#pragma once

#include <vector>

#include "market/forecast.h"

namespace hadal::market::forecast {

// IC and rank IC at each row of the parts at which both sides have at least two values, then their means and errors.
Quality quality_of(const std::vector<double>& scores, const std::vector<double>& labels, size_t num_instruments,
                   const std::vector<RowRange>& parts, int64_t horizon);

}  // namespace hadal::market::forecast
