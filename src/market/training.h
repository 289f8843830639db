// A strategy's training as a run: what it read, what it found, and where that is kept.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/folder_lock.h"
#include "base/json.h"
#include "market/forecast.h"
#include "market/market.h"

namespace hadal::market {

// runs/STEM-XXXXXXXX, from the strategy file's name (what is no letter, digit, - _ or . becomes _) and a hash of
// strategy and data: training and backtest of the same strategy on the same data share it.
Path run_folder(const StrategyFile& strategy, const std::string& data_hash);
std::string run_suffix(const std::string& strategy_hash, const std::string& data_hash);  // "-XXXXXXXX"
std::string run_stem(const StrategyFile& strategy);                                      // STEM

// Holds a run's folder, which it makes; Error naming who works there where another process does. A folder in which
// nothing was written is removed again.
class RunLock {
 public:
  explicit RunLock(Path folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  Path folder_;
  std::optional<FolderLock> lock_;
};

struct Training {
  Path run;
  std::shared_ptr<const RunLock> held;  // nobody else writes into the run's folder as long as this lives
  std::string data_hash;
  std::unique_ptr<FeatureSource> source;  // the panel as the factors see it
  std::vector<double> scores;             // [time][instrument] of its panel
  OrderedJson forecast;                   // as `market train --json`; null without a forecaster
  bool was_trained = false;               // it was there already
};

// Trains and writes into the run's folder: strategy.toml (a copy), scores.csv, forecast.json. With `reuse`, what is
// there is taken. Without a forecaster the scores are those of [portfolio] score, and nothing is written. Options are
// those of train(), but for `checkpoints` and `key`, which are set here.
Training train_run(const StrategyFile& strategy, const Market& market, TrainOptions options, bool reuse);

// The same for a plain series, which has no market: to_json() of its result.
OrderedJson train_series_run(const StrategyFile& strategy, TrainOptions options);

}  // namespace hadal::market
