// The samples of one window: which rows and instruments a forecaster is fitted on, their processed features and labels.
#pragma once

#include <cstdint>
#include <vector>

#include "market/forecast.h"
#include "market/forecast/process.h"
#include "market/forecast/windows.h"

namespace hadal::market::forecast {

// A sample is an instrument at a row: it has a bar, belongs to the universe, has a label, and the label's last bar lies
// in the same part. Its features may be missing where no step fills them; forecasters leave such samples out.
class Samples {
 public:
  // Finds the samples, processes their labels, and fits the steps that have a state. `with_features`: false for
  // forecasters that look at labels alone. `purge`: false keeps labels that reach behind their part, for comparing.
  Samples(const FeatureSource& source, const ProcessSpec& process, Window window, bool with_features,
          bool purge = true);

  const FeatureSource& source() const { return source_; }
  const Window& window() const { return window_; }
  size_t num_instruments() const { return source_.panel().num_instruments(); }
  size_t num_features() const { return source_.features().size(); }

  // Processed features of rows, [row][instrument][feature]; NaN where the instrument is not there.
  void features(RowRange rows, std::vector<double>& out) const { process_rows(rows, steps_.size(), out); }
  // Processed; NaN: no sample. Defined in the training and validation parts.
  double label(size_t row, size_t instrument) const { return labels_[source_.panel().at(row, instrument)]; }
  // True where no sample of the row was purged and no step has a state: then its samples have the same bits in every
  // window, and sums over them can be shared.
  bool shareable(size_t row) const { return !stateful_ && !purged_[row]; }

  int64_t purged_sessions() const { return purged_sessions_; }
  int64_t num_rows() const { return num_rows_; }  // samples of the training part

 private:
  void find_samples(RowRange part, bool training, bool purge);
  void process_labels(RowRange part, const std::vector<Step>& steps);
  void process_rows(RowRange rows, size_t num_steps, std::vector<double>& out) const;
  void fit_step(size_t index);

  const FeatureSource& source_;
  Window window_;
  std::vector<Step> steps_;
  bool stateful_ = false;
  std::vector<double> labels_;  // [time][instrument]
  std::vector<char> purged_;    // of each row
  int64_t purged_sessions_ = 0, num_rows_ = 0;
};

// The instruments that are there at a row: with a bar, and in the universe.
bool is_there(const Panel& panel, size_t row, size_t instrument);

}  // namespace hadal::market::forecast
