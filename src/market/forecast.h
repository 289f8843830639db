// Forecasts of many instruments by walk-forward: a forecaster is fitted inside each window's training part alone, and
// judged on the part that follows.
//
// A window, in sessions from the strategy's `start` on: train_days, valid_days, embargo_days, then test_days; the next
// one begins test_days later (`expanding`: its training begins at `start`). The last test part may be short. A training
// sample whose label reads a bar behind the training part is dropped (purged): the label's last bar is that of the
// instrument itself, which may pause. Forecasters that need no validation train on both parts. Steps of [process] are
// done per row, or fitted in the training part; labels are ranked after the purge.
//
// `combinatorial` (Lopez de Prado 2018, ch. 12): `folds` equal parts, every choice of `test_folds` of them is tested
// once, with the others as training, purged before and with the embargo after each test part. Its scores know later
// data and may not be traded.
//
// The same numbers in every bit for any number of threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"
#include "market/panel.h"
#include "market/stopped.h"
#include "market/strategy_file.h"

namespace hadal::market {

struct RowRange {  // [first, last) of a panel's rows
  size_t first = 0, last = 0;
  size_t size() const { return last - first; }
  bool holds(size_t row) const { return row >= first && row < last; }
  bool operator==(const RowRange&) const = default;
};

// What a forecaster learns from. The panel may begin before the strategy's start, so that rolling factors are full
// there. One thread at a time.
class FeatureSource {
 public:
  virtual ~FeatureSource() = default;
  virtual const Panel& panel() const = 0;
  virtual const std::vector<std::string>& features() const = 0;  // their names
  // Values of the rows, [row][instrument][feature]: a missing one is NaN, none is infinite. What stands in a row may
  // depend on that row and earlier ones alone.
  virtual void read(RowRange rows, std::vector<double>& out) const = 0;
  virtual int64_t horizon() const = 0;                    // of the label: bars that it looks ahead
  virtual const std::vector<double>& labels() const = 0;  // [time][instrument]
  // [time][instrument]: the row of the last bar that the label reads; num_times() where there is none (then the label
  // is missing).
  virtual const std::vector<uint32_t>& label_ends() const = 0;
};

// The instrument's own bar `horizon` bars later; num_times() where there is none, or no bar at that row.
std::vector<uint32_t> label_ends_of(const Panel& panel, int64_t horizon);

// The rows of a panel that a strategy looks at, by session.
RowRange rows_of(const StrategyFile& strategy, const Panel& panel);

struct WindowReport {
  std::string train_from, train_to, test_from, test_to;  // sessions; times as they stand in the file of a plain series
  int64_t purged = 0;                                    // sessions of the training part of which samples were dropped
  int64_t rows = 0;                                      // samples that were trained on
};

// Missing (NaN) where it is not defined: fewer than two instruments, no spread, a plain series.
struct Quality {
  double ic = kMissing, ic_error = kMissing, icir = kMissing;  // errors by Newey and West, lags: the label's horizon
  double rank_ic = kMissing, rank_ic_error = kMissing, rank_icir = kMissing;
  double mse = kMissing, mae = kMissing;
};

struct ForecastResult {
  std::string kind;  // of the forecaster
  std::vector<WindowReport> windows;
  Quality quality;  // of all test parts together; scores are means of ranks
  std::vector<std::pair<int64_t, Quality>> by_seed;
  // The naive ones without the forecaster itself; before them ridge, where it is trees or a network.
  std::vector<std::pair<std::string, Quality>> baselines;
  std::string finding;            // "signal" | "nothing"; "" of a plain series
  std::string headline;           // one line in words; first says whether they are beaten
  bool knows_later_data = false;  // combinatorial: not to be traded

  // Of instruments: [time][instrument] of the panel, missing outside the test parts.
  std::vector<double> scores;                    // mean over seeds (and paths) of the share ranks in a row, (0, 1]
  std::vector<std::vector<double>> seed_scores;  // as forecast
  std::vector<RowRange> test;                    // of each window
};

struct TrainOptions {
  Path checkpoints;  // a folder: each window's forecasts are kept there; "": nowhere
  std::string key;   // of strategy and data; checkpoints of another one are not taken
  bool resume = false;
  const std::atomic<bool>* stop = nullptr;  // set by a signal: throws Stopped after the window, or a network's step
  std::function<void(const std::string&)> progress;  // a line for each window
  std::optional<size_t> only_row;                    // only windows that test this row: for the look-ahead check
};

// Throws Error where there are too few sessions, no label, or no sample to train on.
ForecastResult train(const StrategyFile& strategy, const FeatureSource& source, const TrainOptions& options = {});

// A plain series (`task = "series"`): each channel is scaled by mean and population deviation of the training rows; a
// window is look_back values of one channel minus their mean; one matrix for all channels maps it to the next `horizon`
// values, by ridge; judged on every window whose targets lie in the test rows. An mlp is trained for each seed
// (forecast/series_task.h); of the options all but `only_row` count, and it stops and resumes within a seed.
ForecastResult train_series(const StrategyFile& strategy, const TrainOptions& options = {});

// As `market train --json` gives it; the run's folder is set by the caller.
OrderedJson to_json(const ForecastResult& result, const std::string& run);

// scores.csv: date (or time), symbol, score, and one column for each seed; only where there is a score.
void write_scores(const ForecastResult& result, const Panel& panel, const std::vector<int64_t>& seeds,
                  const Path& file);
// The scores alone, [time][instrument]; Error where a line names what the panel has not.
std::vector<double> read_scores(const Panel& panel, const Path& file);

// Scores without a forecaster: the factor `[portfolio] score`, in the strategy's rows.
std::vector<double> factor_scores(const StrategyFile& strategy, const FeatureSource& source);

}  // namespace hadal::market
