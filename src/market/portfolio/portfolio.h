// What is held: from scores to target weights. Target and order files are read by the engine (backtest.h).
#pragma once

#include <cstdint>
#include <vector>

#include "market/decimal.h"
#include "market/forecast.h"
#include "market/panel.h"
#include "market/strategy_file.h"

namespace hadal::market {

struct TargetWeight {
  uint32_t instrument = 0;  // of the panel
  Decimal weight;           // of equity: > 0 long, < 0 short, 0: what is held is sold
};

struct Rebalance {
  size_t row = 0;  // of the panel: decided at its close
  // By instrument, ascending. All that are to be held, and 0 for all that an earlier one held, again each time: a sale
  // may have found too little volume. Others are left alone.
  std::vector<TargetWeight> targets;
};

// Weights of one row. `top`: the `count` best scores, long, 1 / (how many) each; of equal scores the first instrument.
// `rank`: in proportion to the centred rank (ties averaged), their absolute sum 1. Instruments with no bar there, out
// of the universe or without a score are left out.
std::vector<TargetWeight> weights_at(const PortfolioSpec& spec, const Panel& panel, size_t row,
                                     const std::vector<double>& scores);

// The rebalances within `rows`, at a session's last row: at the first session with scores, then every rebalance_days
// sessions; nothing where that session has no scores. scores: [time][instrument] of the panel.
std::vector<Rebalance> rebalances_of(const PortfolioSpec& spec, const Panel& panel, const std::vector<double>& scores,
                                     RowRange rows);

}  // namespace hadal::market
