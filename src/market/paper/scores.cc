#include "market/paper/scores.h"

#include <algorithm>

#include "base/toml_table.h"
#include "market/forecast/windows.h"
#include "market/stats.h"

namespace hadal::market::paper {
namespace {

size_t place_of_factor(const StrategyFile& strategy, const History& history) {
  const auto& names = history.features();
  const std::string& name = strategy.portfolio->score;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    fail("{}: score: expected the name of a factor, found \"{}\"; the nearest is \"{}\"", strategy.file.string(),
         brief(name), nearest_word(name, names));
  return static_cast<size_t>(found - names.begin());
}

}  // namespace

Scores::Scores(const StrategyFile& strategy, History& history, forecast::FitRun fits)
    : strategy_(strategy), history_(history), fits_(std::move(fits)) {
  if (!strategy.forecast) {
    factor_ = place_of_factor(strategy, history);
    return;
  }
  if (history.horizon() < 1)
    fail("{}: expected a label that looks ahead, such as \"Ref($open,-2)/Ref($open,-1)-1\", found \"{}\"",
         strategy.label_where, brief(strategy.label));
  history.update_labels();
  forecasters_.push_back(forecast::make_forecaster(strategy, history));
  while (forecasters_[0]->uses_seed() && forecasters_.size() < strategy.forecast->seeds.size())
    forecasters_.push_back(forecast::make_forecaster(strategy, history));
}

Scores::~Scores() = default;

std::vector<double> Scores::at_last_row() {
  const Panel& panel = history_.panel();
  const size_t row = panel.num_times() - 1;
  if (!strategy_.forecast) return of_factor(row);
  const ForecastSpec& spec = *strategy_.forecast;
  RowRange rows = rows_of(strategy_, panel);
  const auto starts = forecast::session_starts(panel, rows);
  const auto session = static_cast<int64_t>(starts.size()) - 2;
  const int64_t before = spec.train_days + spec.valid_days + spec.embargo_days;
  if (session < before) return std::vector<double>(panel.num_instruments(), kMissing);
  const auto window = static_cast<size_t>((session - before) / spec.test_days);
  if (fitted_ != window || is_of_labels()) fit(window);
  return of_forecasters(row);
}

bool Scores::is_of_labels() const { return !forecasters_[0]->uses_features() && strategy_.forecast->kind != "factor"; }

void Scores::fit(size_t window) {
  const ForecastSpec& spec = *strategy_.forecast;
  const Panel& panel = history_.panel();
  history_.update_labels();
  if (is_of_labels()) forecasters_[0] = forecast::make_forecaster(strategy_, history_);
  const auto starts = forecast::session_starts(panel, rows_of(strategy_, panel));
  const auto windows = forecast::make_windows(spec, starts, !forecasters_[0]->needs_validation(),
                                              strategy_.file.string() + ": [forecast]");
  samples_ = std::make_unique<forecast::Samples>(history_, strategy_.process, windows.at(window),
                                                 forecasters_[0]->uses_features());
  for (size_t i = 0; i < forecasters_.size(); ++i) {
    forecast::FitRun run = fits_;
    run.folder = fits_.folder / fmt::format("{:04}-{}", window, spec.seeds[i]);
    run.who = fmt::format("{}: window {}, seed {}", strategy_.file.string(), window + 1, spec.seeds[i]);
    forecasters_[i]->fit(*samples_, spec.seeds[i], run);
  }
  fitted_ = window;
}

std::vector<double> Scores::of_factor(size_t row) const {
  const Panel& panel = history_.panel();
  const size_t n = panel.num_instruments(), width = history_.features().size();
  std::vector<double> values, scores(n, kMissing);
  history_.read({row, row + 1}, values);
  for (size_t i = 0; i < n; ++i)
    if (forecast::is_there(panel, row, i)) scores[i] = values[i * width + factor_];
  return scores;
}

// The mean over seeds of the share ranks, by the operations of the training.
std::vector<double> Scores::of_forecasters(size_t row) {
  const size_t n = history_.panel().num_instruments(), num_seeds = strategy_.forecast->seeds.size();
  std::vector<double> sums(n, 0), forecasts(n), values;
  std::vector<uint32_t> counts(n, 0);
  std::vector<size_t> where;
  for (size_t seed = 0; seed < num_seeds; ++seed) {
    if (seed < forecasters_.size()) forecasters_[seed]->predict(*samples_, {row, row + 1}, forecasts.data());
    values.clear(), where.clear();
    for (size_t i = 0; i < n; ++i)
      if (!std::isnan(forecasts[i])) values.push_back(forecasts[i]), where.push_back(i);
    const std::vector<double> ranks = average_ranks(values);
    for (size_t k = 0; k < where.size(); ++k) {
      sums[where[k]] += ranks[k] / static_cast<double>(values.size());
      ++counts[where[k]];
    }
  }
  std::vector<double> scores(n, kMissing);
  for (size_t i = 0; i < n; ++i)
    if (counts[i] > 0) scores[i] = sums[i] / counts[i];
  return scores;
}

}  // namespace hadal::market::paper
