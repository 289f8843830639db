#include "market/forecast/forecaster.h"

#include <algorithm>

#include "base/toml_table.h"

namespace hadal::market::forecast {
namespace {

size_t index_of(const FeatureSource& source, const std::string& name, const std::string& who) {
  const auto& names = source.features();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    fail("{}: expected the name of a factor, found \"{}\"; the nearest is \"{}\"", who, brief(name),
         nearest_word(name, names));
  }
  return static_cast<size_t>(found - names.begin());
}

// One factor as it is.
class FactorForecaster : public Forecaster {
 public:
  explicit FactorForecaster(size_t feature) : feature_(feature) {}
  void fit(const Samples&, int64_t, const FitRun&) override {}
  void predict(const Samples& samples, RowRange rows, double* out) override {
    const Panel& panel = samples.source().panel();
    const size_t n = panel.num_instruments(), width = samples.num_features();
    std::vector<double> values;
    samples.source().read(rows, values);
    for (size_t row = rows.first; row < rows.last; ++row) {
      for (size_t i = 0; i < n; ++i) {
        const size_t cell = (row - rows.first) * n + i;
        out[cell] = is_there(panel, row, i) ? values[cell * width + feature_] : kMissing;
      }
    }
  }

 private:
  size_t feature_;
};

// Forecasts that stand for all rows from the start.
class NaiveForecaster : public Forecaster {
 public:
  explicit NaiveForecaster(std::vector<double> forecasts) : forecasts_(std::move(forecasts)) {}
  void fit(const Samples&, int64_t, const FitRun&) override {}
  void predict(const Samples& samples, RowRange rows, double* out) override {
    const size_t n = samples.num_instruments();
    std::copy(forecasts_.begin() + rows.first * n, forecasts_.begin() + rows.last * n, out);
  }

 private:
  std::vector<double> forecasts_;
};

// The forecast at an instrument's bar number `bar`, from its labels by number.
double naive_at(const std::string& kind, const ForecastSpec& spec, int64_t horizon, const std::vector<double>& labels,
                int64_t bar) {
  const auto label = [&](int64_t k) { return k >= 0 ? labels[k] : kMissing; };
  if (kind == "naive") return label(bar - horizon);
  if (kind == "seasonal") return label(bar - (horizon + spec.season - 1) / spec.season * spec.season);
  double sum = 0;
  int64_t count = 0;
  for (int64_t k = 0; k < spec.momentum_bars; ++k) {
    const double value = label(bar - horizon - k);
    if (!std::isnan(value)) sum += value, ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : kMissing;
}

}  // namespace

std::unique_ptr<Forecaster> make_naive(const std::string& kind, const ForecastSpec& spec, const FeatureSource& source) {
  const Panel& panel = source.panel();
  std::vector<double> forecasts(panel.num_times() * panel.num_instruments(), kMissing), labels;
  std::vector<size_t> rows;
  for (size_t i = 0; i < panel.num_instruments(); ++i) {
    labels.clear(), rows.clear();
    for (size_t row = 0; row < panel.num_times(); ++row) {
      if (!panel.has_bar(row, i)) continue;
      rows.push_back(row);
      labels.push_back(source.labels()[panel.at(row, i)]);
    }
    for (size_t bar = 0; bar < rows.size(); ++bar) {
      if (!is_there(panel, rows[bar], i)) continue;
      forecasts[panel.at(rows[bar], i)] = naive_at(kind, spec, source.horizon(), labels, static_cast<int64_t>(bar));
    }
  }
  return std::make_unique<NaiveForecaster>(std::move(forecasts));
}

std::unique_ptr<Forecaster> make_forecaster(const StrategyFile& strategy, const FeatureSource& source) {
  const ForecastSpec& spec = *strategy.forecast;
  if (spec.kind == "ridge") return make_ridge(spec.penalty, strategy.file.string());
  if (spec.kind == "trees") return make_trees(spec.trees, strategy.file.string());
  if (spec.is_network())
    return make_network_forecaster(spec, rows_of(strategy, source.panel()).first, strategy.file.string());
  if (spec.kind == "factor")
    return std::make_unique<FactorForecaster>(index_of(source, spec.factor, strategy.file.string() + ": kind"));
  return make_naive(spec.kind, spec, source);
}

}  // namespace hadal::market::forecast

namespace hadal::market {

std::vector<double> factor_scores(const StrategyFile& strategy, const FeatureSource& source) {
  HADAL_CHECK(strategy.portfolio, "a portfolio names its factor");
  const Panel& panel = source.panel();
  const size_t n = panel.num_instruments(), width = source.features().size();
  const size_t feature = forecast::index_of(source, strategy.portfolio->score, strategy.file.string() + ": score");
  std::vector<double> scores(panel.num_times() * n, kMissing), values;
  constexpr size_t kBlockRows = 256;
  const RowRange all = rows_of(strategy, panel);
  for (size_t first = all.first; first < all.last; first += kBlockRows) {
    const RowRange rows{first, std::min(first + kBlockRows, all.last)};
    source.read(rows, values);
    for (size_t row = rows.first; row < rows.last; ++row) {
      for (size_t i = 0; i < n; ++i) {
        if (forecast::is_there(panel, row, i))
          scores[panel.at(row, i)] = values[((row - rows.first) * n + i) * width + feature];
      }
    }
  }
  return scores;
}

}  // namespace hadal::market
