// What a training is worth: its scores against the labels, beside those of the plain forecasters.
#pragma once

#include <vector>

#include "market/forecast.h"

namespace hadal::market::forecast {

// Fills in quality (without errors in the labels' units), by_seed, baselines, finding and headline of a result whose
// scores and test parts are there. `ridge`: its scores in the same windows, where it is a baseline; else empty.
void judge(const ForecastSpec& spec, const FeatureSource& source, const std::vector<double>& ridge,
           ForecastResult& result);

}  // namespace hadal::market::forecast
