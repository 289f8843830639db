// A strategy's backtest as a run: trained where it is not yet, traded, measured, counted among the tries of its market,
// and kept in the run's folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "market/backtest.h"
#include "market/forecast.h"
#include "market/market.h"
#include "market/stats.h"
#include "market/strategy_file.h"
#include "market/training.h"

namespace hadal::market {

enum class EngineKind { event, vector };

// The tries of a market over dates that overlap a run's, the run's own among them: each strategy on the same data once,
// also where its folder was removed.
struct Tries {
  int64_t count = 1;
  double sharpe_sd = 0;  // of those with a Sharpe ratio; 0 for fewer than two
};
Tries tries_of(const std::vector<Trial>& trials, Date from, Date to);

struct BacktestRun {
  Path run;
  BacktestResult result;
  Training training;  // its source is null where orders or targets are read from a file
  ReturnStatistics statistics;
  std::vector<double> returns;
  Tries tries;
  std::vector<std::string> notes;  // what the portfolio has to say about its decisions: who was left out
  double seconds = 0;              // of the engine alone
  OrderedJson json() const;        // rules.md, section 4; and `notes` where there are any
};

struct BacktestOptions {
  EngineKind engine = EngineKind::event;
  TrainOptions train = {};
};

// Writes strategy.toml, orders.csv, fills.csv, equity.csv, ledger.txt (not of the vector engine) and backtest.json into
// the run's folder, and records the try. Throws Error, and Stopped once options.train.stop is set (nothing is written
// then).
BacktestRun run_strategy(const StrategyFile& strategy, Market& market, const BacktestOptions& options = {});

// ---- What a backtest has in common with paper

// Error for a plain series, without [portfolio], and for scores that know later data.
void check_tradable(const StrategyFile& strategy);

// The bars that are traded: orders fill at raw prices; only LEAN's profile trades prices that the vendor adjusted.
Query traded_query(const StrategyFile& strategy, const Broker& broker);

// Of a run whose folder, result and data hash are set: records the try, judges the returns, writes the run's files.
void conclude_run(const StrategyFile& strategy, Market& market, BacktestRun& run);

}  // namespace hadal::market
