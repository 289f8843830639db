// The keys of [portfolio] that risk_parity and qp have beside `rebalance_days` and `score`:
//
//   both         covariance, risk_days, factors; count: among so many of the best scores (left out: all)
//   qp           alpha, risk_aversion, cost_bps, quadratic_cost, budget, lower, upper, active, turnover, leverage,
//                benchmark = "none", "equal" or a file of date,symbol,weight; groups, a file of symbol,group, with a
//                [[portfolio.group]] of name, min, max for each limit; [[portfolio.factor]] of the same
#pragma once

#include <string>

#include "base/toml_table.h"
#include "market/strategy_file.h"

namespace hadal::market {

// Error with file and line for a value out of range, a file that is not there, and prices whose returns lack splits or
// dividends, or know later ones.
void read_risk_keys(TomlTable& table, const Path& folder, Prices prices, PortfolioSpec& spec);

// The same keys as canonical text; of files their contents.
std::string risk_keys_text(const PortfolioSpec& spec);

}  // namespace hadal::market
