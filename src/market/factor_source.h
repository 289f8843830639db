// A market's panel, the factors and the label of a strategy: what its forecaster learns from.
#pragma once

#include <memory>

#include "market/factors.h"
#include "market/lookahead.h"
#include "market/market.h"

namespace hadal::market {

// What a strategy reads of its market: from the first bar on, so that factors are full at its start, to its end.
Query query_of(const StrategyFile& strategy);

// The factors of its sets, then its own.
std::vector<NamedExpression> factors_of(const StrategyFile& strategy);

// Error where [data] frequency is not that of the bars.
void check_frequency(const StrategyFile& strategy, const Market& market);

// Panels as they were known at a time, under the instruments' symbols of today. The market must live as long.
PanelAsOf panels_of(const Market& market, const StrategyFile& strategy);

// Error for an expression, naming its place; for a factor that looks ahead; for more values than fit in memory. All
// factors are computed at once and kept for the strategy's rows.
std::unique_ptr<FeatureSource> make_factor_source(const StrategyFile& strategy, Panel panel);

}  // namespace hadal::market
