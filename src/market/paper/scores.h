// The scores of the newest session, window by window as the backtest's training walks: a forecaster is fitted when the
// first session of its window's test part has come, on what came before alone.
#pragma once

#include <memory>
#include <vector>

#include "market/forecast/forecaster.h"
#include "market/paper/history.h"

namespace hadal::market::paper {

class Scores {
 public:
  // All must live as long. `fits`: how those run that take long; each window and seed has a folder of its own in its
  // folder, which is kept, so that a restart takes the fit from there.
  Scores(const StrategyFile& strategy, History& history, forecast::FitRun fits);
  ~Scores();

  // [instrument] of the history's last row, which is that of a session of the feed; missing where there is none. To be
  // called for each session, in their order. Throws Stopped where a fit was stopped.
  std::vector<double> at_last_row();

 private:
  // Naive forecasts are made of the labels that are known at a row: every row makes them anew.
  bool is_of_labels() const;
  void fit(size_t window);
  std::vector<double> of_factor(size_t row) const;
  std::vector<double> of_forecasters(size_t row);

  const StrategyFile& strategy_;
  History& history_;
  forecast::FitRun fits_;
  size_t factor_ = 0;                                               // without a forecaster
  std::optional<size_t> fitted_;                                    // the window
  std::unique_ptr<forecast::Samples> samples_;                      // of that window
  std::vector<std::unique_ptr<forecast::Forecaster>> forecasters_;  // by seed; one where seeds do not count
};

}  // namespace hadal::market::paper
