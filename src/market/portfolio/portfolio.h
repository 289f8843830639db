// What is held: from scores to target weights, close by close. Target and order files are read by the engine
// (backtest.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
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

// What one kind of portfolio makes of the scores of a row; it may keep what it chose before.
class Chooser {
 public:
  virtual ~Chooser() = default;
  // By instrument, ascending. Nothing where there is none to choose from. What it says depends on the rows up to `row`
  // and on its earlier choices alone.
  virtual std::optional<std::vector<TargetWeight>> choose(const FeatureSource& source, size_t row,
                                                          std::span<const double> scores) = 0;
  virtual std::vector<std::string> notes() const { return {}; }
};

// One portfolio over time: at the first session with scores, then every rebalance_days sessions; nothing where that
// session has no scores. It does not ask what the account came to hold: the same closes and scores give the same
// decisions, in either engine and on paper.
class PortfolioPolicy {
 public:
  // `who` names the strategy in messages. Error for a file of the portfolio that cannot be read.
  PortfolioPolicy(const PortfolioSpec& spec, const std::string& who);

  // To be called at the last row of each session, in their order; scores: [instrument], of that row. The source may be
  // another one at each call, and may end at the row, if the instruments and earlier rows stay as they were. Nothing:
  // all is left as it is. Error for limits that cannot hold together.
  std::optional<Rebalance> decide(const FeatureSource& source, size_t row, std::span<const double> scores);

  // What a reader of the results should know: who was left out, and why.
  std::vector<std::string> notes() const { return chooser_->notes(); }

 private:
  int64_t rebalance_days_;
  std::unique_ptr<Chooser> chooser_;
  std::map<uint32_t, Decimal> held_;  // all that ever were: a sale the market did not take whole is asked for again
  int64_t session_ = -1;              // since the first one with scores
};

// Weights of one row. `top`: the `count` best scores, long, 1 / (how many) each; of equal scores the first instrument.
// `rank`: in proportion to the centred rank (ties averaged), their absolute sum 1. Instruments with no bar there, out
// of the universe or without a score are left out.
std::vector<TargetWeight> weights_at(const PortfolioSpec& spec, const Panel& panel, size_t row,
                                     std::span<const double> scores);

// Whether `row`, of those before `last`, is its session's last.
bool ends_session(const Panel& panel, size_t row, size_t last);

// The decisions within `rows`. scores: [time][instrument] of the panel. Throws Stopped once `stop` is set.
std::vector<Rebalance> rebalances_of(PortfolioPolicy& policy, const FeatureSource& source,
                                     const std::vector<double>& scores, RowRange rows,
                                     const std::atomic<bool>* stop = nullptr);

}  // namespace hadal::market
