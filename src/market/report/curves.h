// What of a run is drawn: each adds its curves to `series` ("time" and lists as long as it, or lists of their own), and
// returns the figures that sum them up; null where there is nothing to sum up.
#pragma once

#include "market/backtest_run.h"

namespace hadal::market {

OrderedJson number(double value);  // null for one that is missing or infinite

// time, equity, drawdown, long, short, net (of equity), positions, turnover (of a session: half of what was traded over
// equity).
OrderedJson add_trading(const BacktestResult& result, OrderedJson& series);

// The same instruments bought at the close of the first decision (without one: of the first session), in equal parts,
// without costs, with dividends, and held. Adds hold, as long as time; null before that close.
OrderedJson add_hold(const StrategyFile& strategy, const Market& market, const BacktestRun& run, OrderedJson& series);

// Forecasts against what came: ic_months, quantiles, spread, decay.
OrderedJson add_scores(const BacktestRun& run, OrderedJson& series);

}  // namespace hadal::market
