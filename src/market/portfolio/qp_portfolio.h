// Portfolios by a quadratic program, as `kind = "qp"` asks for. At each rebalance, over those that have a bar, a score
// and a history (risk_model.h),
//
//   maximise  mean'w - risk_aversion/2 (w - b)'C(w - b) - cost |w - current| - quadratic_cost |w - current|^2
//
// within the limits of PortfolioProblem (optimize.h). All of it is of the time to the next rebalance, h =
// rebalance_days sessions:
//
//   mean      alpha x volatility x standardised rank of the score (Grinold 1994, "Alpha is volatility times IC times
//             score"): ranks with ties averaged, less their mean, over their deviation; volatility is that of h
//             sessions. `alpha` is the information coefficient that one believes in.
//   C         the covariance of the past, times h
//   b         the benchmark: equal parts of those that can be chosen, or a file's weights of the newest date that is
//             not after the session, scaled to the budget over those that can be chosen; or none
//   current   what was chosen last, moved by the closes since then, as if it had been reached at that close. It is not
//             read from the account, so that each engine and paper decide the same.
//
// turnover: of sum |w - current|. It does not hold at the first rebalance, grows by the weight of what is held and
// cannot be chosen any more (that is sold), and, where somebody joins whose lower bound is above 0, by what the bounds
// force to be traded. active: the largest |w - b|. Limits on a factor are of exposure'(w - b),
// its values standardised over those that can be chosen, a missing one 0.
//
// Errors name the session: limits that cannot hold together, a benchmark that begins later or has nobody that can be
// chosen, an instrument without a group, a factor that is not there, a solution that is not reached.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "market/optimize.h"
#include "market/portfolio/asset_file.h"
#include "market/portfolio/choice.h"
#include "market/portfolio/risk_model.h"

namespace hadal::market {

class QpPortfolio : public Chooser {
 public:
  QpPortfolio(const PortfolioSpec& spec, std::string who);
  std::optional<std::vector<TargetWeight>> choose(const FeatureSource& source, size_t row,
                                                  std::span<const double> scores) override;
  std::vector<std::string> notes() const override;

 private:
  struct Holding {
    double weight, close;
  };

  void set_mean_and_risk(const PastReturns& returns, const std::vector<Scored>& scored);
  void set_benchmark(const Panel& panel, size_t row);
  void set_current(const Panel& panel, size_t row);
  void admit_newcomers();
  void set_bounds(const Panel& panel);
  void set_groups(const Panel& panel);
  void set_factor_limits(const FeatureSource& source, size_t row);
  std::vector<double> solve(bool same_instruments);
  void hold(const Panel& panel, size_t row, const std::vector<TargetWeight>& targets);
  [[noreturn]] void fail_there(const std::string& what) const;

  QpSpec spec_;
  RiskSpec risk_;
  int64_t count_;   // of the best scores; 0: all
  double horizon_;  // sessions to the next rebalance
  std::string who_;
  Histories histories_;
  BenchmarkWeights benchmark_;
  std::map<std::string, std::string> groups_;  // of symbols
  std::map<uint32_t, Holding> held_;           // what was chosen last, and its close then
  bool is_first_ = true;
  std::set<std::string> outside_;  // symbols with a weight in the benchmark that could not be chosen

  // Of the choice at hand.
  std::string where_;
  std::vector<uint32_t> instruments_;
  PortfolioProblem problem_;
  std::optional<PortfolioOptimizer> optimizer_;  // begins at the last solution where the same can be chosen
};

}  // namespace hadal::market
