// Plain series: reads and scales it, trains what the strategy names, and judges it beside the plain forecasters.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "market/forecast.h"
#include "market/forecast/series_task.h"

namespace hadal::market {
namespace {

using forecast::SeriesFile;
using forecast::SeriesTask;

// Scales each channel by mean and population deviation of the first `num_rows` rows.
void scale(SeriesFile& series, size_t num_rows) {
  for (size_t c = 0; c < series.channels.size(); ++c) {
    double* x = series.values.data() + c * series.num_rows();
    double mean = 0, variance = 0;
    for (size_t t = 0; t < num_rows; ++t) mean += x[t];
    mean /= static_cast<double>(num_rows);
    for (size_t t = 0; t < num_rows; ++t) variance += (x[t] - mean) * (x[t] - mean);
    const double deviation = std::sqrt(variance / static_cast<double>(num_rows));
    for (size_t t = 0; t < series.num_rows(); ++t) x[t] = (x[t] - mean) / (deviation > 0 ? deviation : 1);
  }
}

Quality judge_naive(const SeriesTask& task, bool seasonal) {
  if (seasonal && task.valid < task.season) {
    fail("{}: season: expected at most the {} rows before the test part, found {}", task.who, task.valid, task.season);
  }
  return forecast::judge_series(task, [&](const double* x, double* out) {
    for (size_t h = 0; h < task.horizon; ++h) out[h] = seasonal ? *(x - task.season + h % task.season) : *(x - 1);
  });
}

void check_lengths(const SeriesSpec& spec, const std::string& who) {
  const int64_t needed = spec.look_back + spec.horizon;
  if (spec.split[0] < needed || spec.split[2] < spec.horizon) {
    fail(
        "{}: split: expected at least look_back + horizon = {} rows of training and horizon = {} of test, found {} and "
        "{}",
        who, needed, spec.horizon, spec.split[0], spec.split[2]);
  }
}

std::string own_figures(const ForecastResult& r) {
  std::string own = fmt::format("MSE {:.6f}, MAE {:.6f}", r.quality.mse, r.quality.mae);
  if (r.by_seed.size() < 2) return own;
  double least = std::numeric_limits<double>::infinity(), most = 0, sum = 0;
  for (const auto& [seed, q] : r.by_seed) least = std::min(least, q.mse), most = std::max(most, q.mse), sum += q.mse;
  return own + fmt::format(" of the mean of {} seeds' forecasts; alone {:.6f} to {:.6f}, mean {:.6f}", r.by_seed.size(),
                           least, most, sum / static_cast<double>(r.by_seed.size()));
}

// What is beaten, or what is not.
std::string headline(const ForecastResult& r) {
  std::string best;
  double best_mse = std::numeric_limits<double>::infinity();
  for (const auto& [name, quality] : r.baselines)
    if (quality.mse < best_mse) best = name, best_mse = quality.mse;
  const bool with_ridge = r.baselines[0].first == "ridge";
  if (r.quality.mse < best_mse) {
    return fmt::format("{}: {}, below {}every naive forecaster (best: \"{}\" {:.6f})", r.kind, own_figures(r),
                       with_ridge ? "ridge and " : "", best, best_mse);
  }
  return fmt::format("{} does not beat {} ({}, against {:.6f}){}", r.kind,
                     best == "ridge" ? best : fmt::format("the naive forecaster \"{}\"", best), own_figures(r),
                     best_mse, best == "naive" ? ": nothing beats the last value" : "");
}

void fit_and_judge(const SeriesTask& task, const ForecastSpec& spec, const TrainOptions& options, ForecastResult& r) {
  if (spec.kind == "ridge") {
    r.quality = forecast::judge_series_ridge(task, spec.penalty);
  } else if (spec.is_network()) {
    auto networks = forecast::judge_series_networks(task, spec, options);
    r.quality = networks.together;
    r.by_seed = std::move(networks.by_seed);
    SeriesTask baseline = task;
    baseline.who += fmt::format(": the baseline that the {} must beat", spec.kind);
    r.baselines.emplace_back("ridge", forecast::judge_series_ridge(baseline, spec.penalty));
  } else {
    r.quality = judge_naive(task, spec.kind == "seasonal");
  }
  for (const bool seasonal : {false, true}) {
    const char* name = seasonal ? "seasonal" : "naive";
    if (spec.kind != name) r.baselines.emplace_back(name, judge_naive(task, seasonal));
  }
}

}  // namespace

ForecastResult train_series(const StrategyFile& strategy, const TrainOptions& options) {
  HADAL_CHECK(strategy.forecast && strategy.series, "a plain series");
  const SeriesSpec& spec = *strategy.series;
  const std::string who = strategy.file.string();
  check_lengths(spec, who);
  const auto train = static_cast<size_t>(spec.split[0]), valid = train + static_cast<size_t>(spec.split[1]);
  const size_t all = valid + static_cast<size_t>(spec.split[2]);
  SeriesFile series = forecast::read_series(spec.file, spec.time, all);
  scale(series, train);
  const SeriesTask task{series,
                        static_cast<size_t>(spec.look_back),
                        static_cast<size_t>(spec.horizon),
                        static_cast<size_t>(strategy.forecast->season),
                        train,
                        valid,
                        all,
                        who};
  ForecastResult result;
  result.kind = strategy.forecast->kind;
  WindowReport window{series.times[0], series.times[train - 1], series.times[valid], series.times[all - 1], 0, 0};
  if (strategy.forecast->learns_from_features())
    window.rows = static_cast<int64_t>(task.training().size() * task.num_channels());
  result.windows = {window};
  fit_and_judge(task, *strategy.forecast, options, result);
  result.headline = headline(result);
  return result;
}

}  // namespace hadal::market
