// Plain series: ridge from a window of one channel to its next values, and the naive forecasters.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"
#include "base/threads.h"
#include "market/forecast.h"
#include "market/forecast/series_file.h"
#include "market/forecast/solve.h"

namespace hadal::market {
namespace {

using forecast::SeriesFile;

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

double mean_before(const double* x, size_t look_back) {
  double sum = 0;
  for (size_t i = 0; i < look_back; ++i) sum += x[i];
  return sum / static_cast<double>(look_back);
}

// Sums over windows of one channel. Neighbouring windows overlap: the sum over t of x[t + i] x[t + j] follows from that
// of (i - 1, j - 1) by one term less and one more, so that all of them cost about as much as one row does. Windows are
// taken minus their mean m by sum (x_i - m)(x_j - m) = sum x_i x_j - sum m x_i - sum m x_j + sum m m.
class WindowSums {
 public:
  WindowSums(size_t look_back, size_t horizon)
      : look_back_(look_back), width_(look_back + horizon), sums_(look_back * width_, 0) {}

  void add(const double* x, size_t num_windows);
  std::vector<double> inputs() const;   // [look_back][look_back]
  std::vector<double> targets() const;  // [look_back][horizon]

 private:
  size_t look_back_, width_;
  std::vector<double> sums_;  // [look_back][look_back + horizon], from the diagonal on
};

void WindowSums::add(const double* x, size_t num_windows) {
  std::vector<double> means(num_windows), with_mean(width_, 0), products(look_back_ * width_);
  double mean_squares = 0;
  for (size_t t = 0; t < num_windows; ++t) {
    means[t] = mean_before(x + t, look_back_);
    mean_squares += means[t] * means[t];
  }
  ThreadPool::shared().parallel_for(static_cast<int64_t>(width_), [&](int64_t index, int) {
    const auto j = static_cast<size_t>(index);
    double by_mean = 0, by_first = 0;
    for (size_t t = 0; t < num_windows; ++t) by_mean += means[t] * x[t + j];
    for (size_t t = 0; t < num_windows; ++t) by_first += x[t] * x[t + j];
    with_mean[j] = by_mean;
    products[j] = by_first;
  });
  for (size_t i = 1; i < look_back_; ++i) {
    for (size_t j = i; j < width_; ++j) {
      products[i * width_ + j] =
          products[(i - 1) * width_ + j - 1] + (x[num_windows + i - 1] * x[num_windows + j - 1] - x[i - 1] * x[j - 1]);
    }
  }
  for (size_t i = 0; i < look_back_; ++i) {
    for (size_t j = i; j < width_; ++j)
      sums_[i * width_ + j] += products[i * width_ + j] - with_mean[i] - with_mean[j] + mean_squares;
  }
}

std::vector<double> WindowSums::inputs() const {
  std::vector<double> out(look_back_ * look_back_);
  for (size_t i = 0; i < look_back_; ++i)
    for (size_t j = i; j < look_back_; ++j) out[i * look_back_ + j] = out[j * look_back_ + i] = sums_[i * width_ + j];
  return out;
}

std::vector<double> WindowSums::targets() const {
  std::vector<double> out;
  for (size_t i = 0; i < look_back_; ++i)
    out.insert(out.end(), sums_.begin() + static_cast<ptrdiff_t>(i * width_ + look_back_),
               sums_.begin() + static_cast<ptrdiff_t>((i + 1) * width_));
  return out;
}

// The parts of one run: windows are named by the row at which their targets begin.
struct Task {
  const SeriesFile& series;
  size_t look_back, horizon, season;
  size_t first, last;  // targets begin at rows [first, last)
  std::string who;
};

// Forecasts of one window, from what stands before `x`.
using Forecast = std::function<void(const double* x, double* out)>;

Quality judge(const Task& task, const Forecast& forecast) {
  const size_t windows = task.last - task.first, channels = task.series.channels.size();
  std::vector<double> squared(windows * channels), absolute(windows * channels);
  ThreadPool::shared().parallel_for(static_cast<int64_t>(windows * channels), [&](int64_t index, int) {
    const auto at = static_cast<size_t>(index);
    const double* x = task.series.channel(at / windows) + task.first + at % windows;
    thread_local std::vector<double> out;
    out.assign(task.horizon, 0);
    forecast(x, out.data());
    for (size_t h = 0; h < task.horizon; ++h) {
      const double error = out[h] - x[h];
      squared[at] += error * error, absolute[at] += std::fabs(error);
    }
  });
  Quality q;
  q.mse = q.mae = 0;
  for (size_t i = 0; i < squared.size(); ++i) q.mse += squared[i], q.mae += absolute[i];
  const auto count = static_cast<double>(squared.size() * task.horizon);
  q.mse /= count, q.mae /= count;
  return q;
}

Quality judge_naive(const Task& task, bool seasonal) {
  if (seasonal && task.first < task.season) {
    fail("{}: season: expected at most the {} rows before the test part, found {}", task.who, task.first, task.season);
  }
  return judge(task, [&](const double* x, double* out) {
    for (size_t h = 0; h < task.horizon; ++h) out[h] = seasonal ? *(x - task.season + h % task.season) : *(x - 1);
  });
}

// [look_back][horizon]
std::vector<double> fit_ridge(const Task& task, size_t num_rows, double penalty) {
  const size_t num_windows = num_rows - task.look_back - task.horizon + 1;
  WindowSums sums(task.look_back, task.horizon);
  for (size_t c = 0; c < task.series.channels.size(); ++c) sums.add(task.series.channel(c), num_windows);
  return forecast::solve_ridge(sums.inputs(), sums.targets(), task.look_back, task.horizon, penalty,
                               task.who + ": ridge");
}

Quality judge_ridge(const Task& task, const std::vector<double>& matrix) {
  return judge(task, [&](const double* x, double* out) {
    const double* window = x - task.look_back;
    const double mean = mean_before(window, task.look_back);
    for (size_t i = 0; i < task.look_back; ++i) {
      const double value = window[i] - mean;
      const double* row = matrix.data() + i * task.horizon;
      for (size_t h = 0; h < task.horizon; ++h) out[h] += value * row[h];
    }
    for (size_t h = 0; h < task.horizon; ++h) out[h] += mean;
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

std::string headline(const ForecastResult& r) {
  std::string best;
  double best_mse = std::numeric_limits<double>::infinity();
  for (const auto& [name, quality] : r.baselines)
    if (quality.mse < best_mse) best = name, best_mse = quality.mse;
  const std::string own = fmt::format("MSE {:.6f}, MAE {:.6f}", r.quality.mse, r.quality.mae);
  return r.quality.mse < best_mse
             ? fmt::format("{}: {}, below every naive forecaster (best: \"{}\" {:.6f})", r.kind, own, best, best_mse)
             : fmt::format("{} does not beat the naive forecaster \"{}\" ({}, against {:.6f})", r.kind, best, own,
                           best_mse);
}

}  // namespace

ForecastResult train_series(const StrategyFile& strategy) {
  HADAL_CHECK(strategy.forecast && strategy.series, "a plain series");
  const SeriesSpec& spec = *strategy.series;
  const ForecastSpec& forecast = *strategy.forecast;
  const std::string who = strategy.file.string();
  check_lengths(spec, who);
  const auto train = static_cast<size_t>(spec.split[0]), before = train + static_cast<size_t>(spec.split[1]);
  const size_t all = before + static_cast<size_t>(spec.split[2]);
  SeriesFile series = forecast::read_series(spec.file, spec.time, all);
  scale(series, train);
  const auto look_back = static_cast<size_t>(spec.look_back), horizon = static_cast<size_t>(spec.horizon);
  const Task task{series, look_back, horizon, static_cast<size_t>(forecast.season), before, all - horizon + 1, who};

  ForecastResult result;
  result.kind = forecast.kind;
  WindowReport window{series.times[0], series.times[train - 1], series.times[before], series.times[all - 1], 0, 0};
  if (forecast.kind == "ridge") {
    window.rows = static_cast<int64_t>((train - look_back - horizon + 1) * series.channels.size());
    result.quality = judge_ridge(task, fit_ridge(task, train, forecast.penalty));
  } else {
    result.quality = judge_naive(task, forecast.kind == "seasonal");
  }
  result.windows = {window};
  for (const bool seasonal : {false, true}) {
    const char* name = seasonal ? "seasonal" : "naive";
    if (forecast.kind != name) result.baselines.emplace_back(name, judge_naive(task, seasonal));
  }
  result.headline = headline(result);
  return result;
}

}  // namespace hadal::market
