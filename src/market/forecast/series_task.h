// What the forecasters of a plain series share: the scaled series, its parts, and how forecasts are judged.
//
// A window is `look_back` values of one channel and the `horizon` values behind them, its targets. It is named by the
// row at which the targets begin, and belongs to the part in which they lie; only the training part's lie there whole.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "market/forecast.h"
#include "market/forecast/series_file.h"

namespace hadal::market::forecast {

struct SeriesTask {
  const SeriesFile& series;
  size_t look_back = 0, horizon = 0, season = 0;
  size_t train = 0, valid = 0, all = 0;  // rows: [0, train) for training, [train, valid) for validation, then the test
  std::string who;

  size_t num_channels() const { return series.channels.size(); }
  // Rows at which targets begin.
  RowRange training() const { return {look_back, train - horizon + 1}; }
  RowRange validation() const { return {train, valid - train >= horizon ? valid - horizon + 1 : train}; }
  RowRange test() const { return {valid, all - horizon + 1}; }
};

// Forecasts of one window, from what stands before `x`; `out` is zero before.
using SeriesForecast = std::function<void(const double* x, double* out)>;

// Over all test windows of all channels. Called from several threads.
Quality judge_series(const SeriesTask& task, const SeriesForecast& forecast);

// One matrix for all channels, fitted on the training windows minus the mean of their look_back values, by ridge.
Quality judge_series_ridge(const SeriesTask& task, double penalty);

// The same for windows that are also divided by their deviation, for networks to begin with: [look_back][horizon].
std::vector<double> fit_normal_ridge(const SeriesTask& task, double penalty);

// How a network sees a window: (x - mean) / deviation of its look_back values (Kim et al. 2022, without the affine
// map). The deviation has a floor, since a window may stand still.
struct WindowUnits {
  double mean = 0, deviation = 1;
};
WindowUnits window_units(const double* window, size_t look_back);

// mlp: one network for all channels, trained for each seed and stopped by the validation part; what it says is added to
// a linear map that begins with fit_normal_ridge(). `together` judges the mean of all seeds' forecasts.
struct SeriesNetworks {
  Quality together;
  std::vector<std::pair<int64_t, Quality>> by_seed;
};
SeriesNetworks judge_series_networks(const SeriesTask& task, const ForecastSpec& spec, const TrainOptions& options);

}  // namespace hadal::market::forecast
