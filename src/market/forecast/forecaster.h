// The interface of all forecasters, and the plain ones.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "market/forecast/samples.h"

namespace hadal::market::forecast {

class Forecaster {
 public:
  virtual ~Forecaster() = default;
  virtual bool uses_features() const { return false; }
  virtual bool uses_seed() const { return false; }         // false: every seed gives the same forecasts
  virtual bool needs_validation() const { return false; }  // false: it trains on the validation part too
  virtual bool predicts_label() const { return false; }    // its numbers are in the processed label's units
  // Forgets what it was fitted on before, but for sums that are the same in every window.
  virtual void fit(const Samples& samples, int64_t seed) = 0;
  // Forecasts of rows, [row][instrument]; NaN where there is none. Looks at nothing behind a row.
  virtual void predict(const Samples& samples, RowRange rows, double* out) = 0;
};

std::unique_ptr<Forecaster> make_forecaster(const StrategyFile& strategy, const FeatureSource& source);

// Ridge regression of the processed labels on the processed features; both centred by the training part's means.
std::unique_ptr<Forecaster> make_ridge(double penalty, const std::string& who);

// The naive ones look at labels alone, of an instrument's own bars, as far as they are known at a row: the label of the
// bar `horizon` bars before is the newest.
//   naive     the newest label
//   seasonal  the label of the same place in the newest season that is known
//   momentum  the mean of the newest `momentum_bars` labels
std::unique_ptr<Forecaster> make_naive(const std::string& kind, const ForecastSpec& spec, const FeatureSource& source);

}  // namespace hadal::market::forecast
