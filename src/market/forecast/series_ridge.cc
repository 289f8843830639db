// Ridge from a window of one channel to its next values, and how windows are judged.
#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "market/forecast/gram.h"
#include "market/forecast/series_task.h"
#include "market/forecast/solve.h"

namespace hadal::market::forecast {
namespace {

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

// [look_back][horizon]
std::vector<double> fit_plain_ridge(const SeriesTask& task, double penalty) {
  const size_t num_windows = task.training().size();
  WindowSums sums(task.look_back, task.horizon);
  for (size_t c = 0; c < task.series.channels.size(); ++c) sums.add(task.series.channel(c), num_windows);
  return solve_ridge(sums.inputs(), sums.targets(), task.look_back, task.horizon, penalty, task.who + ": ridge");
}

}  // namespace

Quality judge_series(const SeriesTask& task, const SeriesForecast& forecast) {
  const size_t windows = task.test().size(), channels = task.num_channels();
  std::vector<double> squared(windows * channels), absolute(windows * channels);
  ThreadPool::shared().parallel_for(static_cast<int64_t>(windows * channels), [&](int64_t index, int) {
    const auto at = static_cast<size_t>(index);
    const double* x = task.series.channel(at / windows) + task.test().first + at % windows;
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

Quality judge_series_ridge(const SeriesTask& task, double penalty) {
  const std::vector<double> matrix = fit_plain_ridge(task, penalty);
  return judge_series(task, [&](const double* x, double* out) {
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

WindowUnits window_units(const double* window, size_t look_back) {
  constexpr double kFloor = 1e-2;
  const double mean = mean_before(window, look_back);
  double variance = 0;
  for (size_t i = 0; i < look_back; ++i) variance += (window[i] - mean) * (window[i] - mean);
  return {mean, std::sqrt(variance / static_cast<double>(look_back) + kFloor * kFloor)};
}

std::vector<double> fit_normal_ridge(const SeriesTask& task, double penalty) {
  constexpr size_t kBlock = 1024;
  const size_t n = task.look_back, width = n + task.horizon;
  const RowRange rows = task.training();
  Gram sums(width);
  std::vector<double> block;
  for (size_t c = 0; c < task.num_channels(); ++c) {
    for (size_t first = rows.first; first < rows.last; first += kBlock) {
      const size_t count = std::min(kBlock, rows.last - first);
      block.assign(count * sums.stride(), 0);
      for (size_t w = 0; w < count; ++w) {
        const double* window = task.series.channel(c) + first + w - n;
        const auto [mean, deviation] = window_units(window, n);
        for (size_t i = 0; i < width; ++i) block[w * sums.stride() + i] = (window[i] - mean) / deviation;
      }
      sums.add(block.data(), count);
    }
  }
  std::vector<double> inputs(n * n), targets(n * task.horizon);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) inputs[i * n + j] = sums.at(i, j);
    for (size_t h = 0; h < task.horizon; ++h) targets[i * task.horizon + h] = sums.at(i, n + h);
  }
  return solve_ridge(inputs, targets, n, task.horizon, penalty, task.who + ": the ridge that a network begins with");
}

}  // namespace hadal::market::forecast
