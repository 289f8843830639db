// The interface of all forecasters, and the plain ones.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "market/forecast/samples.h"

namespace hadal::market::forecast {

// Where and how a fit runs that takes long.
struct FitRun {
  Path folder;                              // of its own, for checkpoints; empty: none are written
  bool resume = false;                      // from what is in the folder, to the same bits
  const std::atomic<bool>* stop = nullptr;  // where it is set, Stopped is thrown after the step
  std::string who;                          // for messages: "s.toml: window 3, seed 1"
};

class Forecaster {
 public:
  virtual ~Forecaster() = default;
  virtual bool uses_features() const { return false; }
  virtual bool uses_seed() const { return false; }         // false: every seed gives the same forecasts
  virtual bool needs_validation() const { return false; }  // false: it trains on the validation part too
  virtual bool predicts_label() const { return false; }    // its numbers are in the processed label's units
  // Forgets what it was fitted on before, but for sums that are the same in every window.
  virtual void fit(const Samples& samples, int64_t seed, const FitRun& run) = 0;
  // Forecasts of rows, [row][instrument]; NaN where there is none. Looks at nothing behind a row.
  virtual void predict(const Samples& samples, RowRange rows, double* out) = 0;
};

std::unique_ptr<Forecaster> make_forecaster(const StrategyFile& strategy, const FeatureSource& source);

// Ridge regression of the processed labels on the processed features; both centred by the training part's means.
std::unique_ptr<Forecaster> make_ridge(double penalty, const std::string& who);

// Gradient-boosted regression trees (Friedman 2001; by XGBoost, Chen & Guestrin 2016) of the processed labels, with
// samples and features drawn by the seed. Where a window has a validation part, growing ends when its squared error did
// not fall for early_stop_rounds rounds, and the best round's trees forecast. Missing features go the way that was
// better in training; a sample without any feature is left out and gets no forecast.
std::unique_ptr<Forecaster> make_trees(const TreesSpec& spec, const std::string& who);

// mlp, transformer, mixer (forecast/network.h): sees the features of `look_back` rows, `first_row` being the first that
// there is. A row is there for an instrument that has a bar, belongs to the universe, and has all features then. It
// learns from the training part and stops by the validation part (network_training.h).
std::unique_ptr<Forecaster> make_network_forecaster(const ForecastSpec& spec, size_t first_row, const std::string& who);

// The naive ones look at labels alone, of an instrument's own bars, as far as they are known at a row: the label of the
// bar `horizon` bars before is the newest.
//   naive     the newest label
//   seasonal  the label of the same place in the newest season that is known
//   momentum  the mean of the newest `momentum_bars` labels
std::unique_ptr<Forecaster> make_naive(const std::string& kind, const ForecastSpec& spec, const FeatureSource& source);

}  // namespace hadal::market::forecast
