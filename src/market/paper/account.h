// The account on paper: one TradingSession, fed by sessions that have ended, and the strategy that decides at each
// close.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "market/backtest.h"
#include "market/forecast/forecaster.h"
#include "market/paper/book.h"

namespace hadal::market::paper {

class Account {
 public:
  // All must live as long. `fits`: see Scores. Error for what cannot be the same on paper as in a backtest.
  Account(const StrategyFile& strategy, const Market& market, const Instruments& instruments, const Broker& broker,
          forecast::FitRun fits);
  ~Account();

  void act(const EndedSession& session);

  const TradingSession& trading() const { return trading_; }
  const std::vector<EquityPoint>& curve() const { return curve_; }  // as the result has it
  BacktestResult take_result() { return trading_.take_result(); }

 private:
  class ByScores;
  std::unique_ptr<Strategy> make_strategy(const StrategyFile& strategy, const Market& market, const Broker& broker,
                                          forecast::FitRun fits);

  const Instruments& instruments_;
  ByScores* scored_ = nullptr;  // strategy_, where it decides by scores
  std::unique_ptr<Strategy> strategy_;
  TradingSession trading_;
  std::vector<EquityPoint> curve_;
};

}  // namespace hadal::market::paper
