// The walk-forward run: windows one after the other, each fitted and tested, then everything judged together.
#include <algorithm>

#include "base/command.h"
#include "base/error.h"
#include "base/hash.h"
#include "market/forecast/checkpoint.h"
#include "market/forecast/forecaster.h"
#include "market/forecast/judge.h"
#include "market/forecast/ranks.h"
#include "market/stats.h"

namespace hadal::market {
namespace {

using forecast::Checkpoint;
using forecast::Forecaster;
using forecast::Samples;
using forecast::Window;

class Run {
 public:
  Run(const StrategyFile& strategy, const FeatureSource& source, const TrainOptions& options,
      std::unique_ptr<Forecaster> forecaster)
      : strategy_(strategy),
        spec_(*strategy.forecast),
        source_(source),
        panel_(source.panel()),
        options_(options),
        forecaster_(std::move(forecaster)) {}

  ForecastResult go();

 private:
  size_t num_instruments() const { return panel_.num_instruments(); }
  size_t num_seeds() const { return spec_.seeds.size(); }
  void walk_forward();  // leaves the scores in result_
  bool wanted(const Window& window) const;
  void check_source() const;
  void run_window(size_t index, const Window& window);
  Checkpoint fit_and_test(size_t index, const Window& window);
  Path fit_folder(size_t index, int64_t seed) const;
  void compare(const Samples& tested, const Window& window, const std::vector<double>& forecasts, Checkpoint& done);
  void take(const Window& window, const Checkpoint& done);
  void report(const Window& window, const Checkpoint& done);
  void finish_scores();
  std::vector<double> scores_of_ridge() const;

  const StrategyFile& strategy_;
  const ForecastSpec& spec_;
  const FeatureSource& source_;
  const Panel& panel_;
  const TrainOptions& options_;
  std::unique_ptr<Forecaster> forecaster_;
  ForecastResult result_;
  std::vector<double> rank_sums_;
  std::vector<uint32_t> rank_counts_;
  double squared_ = 0, absolute_ = 0;
  int64_t compared_ = 0;
};

void Run::check_source() const {
  if (source_.horizon() < 1) {
    fail("{}: expected a label that looks ahead, such as \"Ref($open,-2)/Ref($open,-1)-1\", found \"{}\"",
         strategy_.label_where, brief(strategy_.label));
  }
  const size_t cells = panel_.num_times() * num_instruments();
  HADAL_CHECK(source_.labels().size() == cells && source_.label_ends().size() == cells, "labels of another panel");
  if (num_instruments() == 0 || panel_.num_times() == 0) {
    fail("{}: expected instruments with bars, found none; see `{}`", strategy_.file.string(),
         command({"market", "show", strategy_.market}));
  }
}

bool Run::wanted(const Window& window) const {
  return !options_.only_row || std::any_of(window.test.begin(), window.test.end(),
                                           [&](const RowRange& part) { return part.holds(*options_.only_row); });
}

void Run::walk_forward() {
  check_source();
  const size_t cells = panel_.num_times() * num_instruments();
  result_.kind = spec_.kind == "factor" ? "factor " + spec_.factor : spec_.kind;
  result_.knows_later_data = spec_.window == "combinatorial";
  result_.seed_scores.assign(num_seeds(), std::vector<double>(cells, kMissing));
  rank_sums_.assign(cells, 0);
  rank_counts_.assign(cells, 0);
  const auto starts = forecast::session_starts(panel_, rows_of(strategy_, panel_));
  const auto windows =
      forecast::make_windows(spec_, starts, !forecaster_->needs_validation(), strategy_.file.string() + ": [forecast]");
  for (size_t i = 0; i < windows.size(); ++i) {
    if (!wanted(windows[i])) continue;
    run_window(i, windows[i]);
    if (options_.progress) {
      const WindowReport& w = result_.windows.back();
      options_.progress(fmt::format("window {} of {}: trained {} to {} ({} rows), tested {} to {}", i + 1,
                                    windows.size(), w.train_from, w.train_to, w.rows, w.test_from, w.test_to));
    }
    if (options_.stop && *options_.stop && i + 1 < windows.size()) {
      throw Stopped(fmt::format("stopped after window {} of {}", i + 1, windows.size()));
    }
  }
  finish_scores();
}

ForecastResult Run::go() {
  walk_forward();
  const bool ridge = spec_.must_beat_ridge() && !options_.only_row;
  forecast::judge(spec_, source_, ridge ? scores_of_ridge() : std::vector<double>(), result_);
  if (compared_ > 0) {
    result_.quality.mse = squared_ / static_cast<double>(compared_);
    result_.quality.mae = absolute_ / static_cast<double>(compared_);
  }
  return std::move(result_);
}

void Run::run_window(size_t index, const Window& window) {
  const Path file = options_.checkpoints.empty() ? Path() : options_.checkpoints / fmt::format("{:04}.window", index);
  const std::string key = fmt::format("{} {}", options_.key, index);
  if (options_.resume && !file.empty()) {
    if (const auto done = forecast::load_checkpoint(file, key)) return take(window, *done);
  }
  const Checkpoint done = fit_and_test(index, window);
  if (!file.empty()) {
    std::filesystem::create_directories(options_.checkpoints);
    forecast::save_checkpoint(file, key, done);
    std::error_code ignored;
    for (const int64_t seed : spec_.seeds) std::filesystem::remove_all(fit_folder(index, seed), ignored);
  }
  take(window, done);
}

// Of a window and seed, and of nothing else: another strategy or other data have another key.
Path Run::fit_folder(size_t index, int64_t seed) const {
  if (options_.checkpoints.empty()) return {};
  const uint64_t hash = mix(fnv1a(options_.key));
  return options_.checkpoints / fmt::format("{:04}-{}-{:016x}", index, seed, hash);
}

Checkpoint Run::fit_and_test(size_t index, const Window& window) {
  const size_t n = num_instruments();
  const Samples samples(source_, strategy_.process, window, forecaster_->uses_features());
  Checkpoint done;
  done.rows = samples.num_rows();
  done.purged = samples.purged_sessions();
  for (size_t seed = 0; seed < num_seeds(); ++seed) {
    if (seed > 0 && !forecaster_->uses_seed()) {
      done.forecasts.push_back(done.forecasts[0]);
      continue;
    }
    const int64_t value = spec_.seeds[seed];
    forecaster_->fit(samples, value,
                     {fit_folder(index, value), options_.resume, options_.stop,
                      fmt::format("{}: window {}, seed {}", strategy_.file.string(), index + 1, value)});
    auto& forecasts = done.forecasts.emplace_back();
    for (const RowRange& part : window.test) {
      const size_t begin = forecasts.size();
      forecasts.resize(begin + part.size() * n);
      forecaster_->predict(samples, part, forecasts.data() + begin);
    }
  }
  if (forecaster_->predicts_label()) {
    Window tested;  // the test parts' own labels, processed in the same way
    tested.train = window.test;
    const Samples labels(source_, strategy_.process, tested, false, false);
    for (const auto& forecasts : done.forecasts) compare(labels, window, forecasts, done);
  }
  return done;
}

void Run::compare(const Samples& tested, const Window& window, const std::vector<double>& forecasts, Checkpoint& done) {
  size_t next = 0;
  for (const RowRange& part : window.test) {
    for (size_t row = part.first; row < part.last; ++row) {
      for (size_t i = 0; i < num_instruments(); ++i) {
        const double error = forecasts[next++] - tested.label(row, i);
        if (std::isnan(error)) continue;
        done.squared += error * error, done.absolute += std::fabs(error);
        ++done.compared;
      }
    }
  }
}

void Run::take(const Window& window, const Checkpoint& done) {
  const size_t n = num_instruments();
  std::vector<double> values;
  std::vector<size_t> where;
  for (size_t seed = 0; seed < num_seeds(); ++seed) {
    const std::vector<double>& forecasts = done.forecasts.at(seed);
    size_t next = 0;
    for (const RowRange& part : window.test) {
      for (size_t row = part.first; row < part.last; ++row) {
        values.clear(), where.clear();
        for (size_t i = 0; i < n; ++i) {
          const double value = forecasts.at(next++);
          if (std::isnan(value)) continue;
          result_.seed_scores[seed][panel_.at(row, i)] = value;
          values.push_back(value), where.push_back(panel_.at(row, i));
        }
        const std::vector<double> ranks = average_ranks(values);
        for (size_t k = 0; k < where.size(); ++k) {
          rank_sums_[where[k]] += ranks[k] / static_cast<double>(values.size());
          ++rank_counts_[where[k]];
        }
      }
    }
  }
  squared_ += done.squared, absolute_ += done.absolute, compared_ += done.compared;
  report(window, done);
}

void Run::report(const Window& window, const Checkpoint& done) {
  const auto day = [&](size_t row) { return date_text(panel_.sessions[row]); };
  WindowReport w;
  w.train_from = day(window.train.front().first);
  w.train_to = day(window.train.back().last - 1);
  w.test_from = day(window.test.front().first);
  w.test_to = day(window.test.back().last - 1);
  w.purged = done.purged;
  w.rows = done.rows;
  result_.windows.push_back(w);
  for (const RowRange& part : window.test)
    if (std::find(result_.test.begin(), result_.test.end(), part) == result_.test.end()) result_.test.push_back(part);
}

void Run::finish_scores() {
  result_.scores.assign(rank_sums_.size(), kMissing);
  for (size_t i = 0; i < rank_sums_.size(); ++i)
    if (rank_counts_[i] > 0) result_.scores[i] = rank_sums_[i] / rank_counts_[i];
}

// Of the same windows; it trains on their validation parts too. Trees can take what is missing, ridge cannot.
std::vector<double> Run::scores_of_ridge() const {
  StrategyFile plain = strategy_;
  plain.forecast->seeds = {1};
  plain.process.features.push_back("fill_zero");
  TrainOptions options;
  options.stop = options_.stop;
  const std::string who = fmt::format("{}: the baseline that the {} must beat", strategy_.file.string(), spec_.kind);
  Run run(plain, source_, options, forecast::make_ridge(spec_.penalty, who));
  run.walk_forward();
  return std::move(run.result_.scores);
}

}  // namespace

std::vector<uint32_t> label_ends_of(const Panel& panel, int64_t horizon) {
  const size_t num_times = panel.num_times(), n = panel.num_instruments();
  std::vector<uint32_t> ends(num_times * n, static_cast<uint32_t>(num_times));
  std::vector<uint32_t> rows;
  for (size_t i = 0; i < n; ++i) {
    rows.clear();
    for (size_t row = 0; row < num_times; ++row)
      if (panel.has_bar(row, i)) rows.push_back(static_cast<uint32_t>(row));
    for (size_t bar = 0; bar + static_cast<size_t>(horizon) < rows.size(); ++bar)
      ends[panel.at(rows[bar], i)] = rows[bar + static_cast<size_t>(horizon)];
  }
  return ends;
}

RowRange rows_of(const StrategyFile& strategy, const Panel& panel) {
  const auto begin = panel.sessions.begin(), end = panel.sessions.end();
  const auto first = strategy.start ? std::lower_bound(begin, end, *strategy.start) : begin;
  const auto last = strategy.end ? std::upper_bound(first, end, *strategy.end) : end;
  return {static_cast<size_t>(first - begin), static_cast<size_t>(last - begin)};
}

ForecastResult train(const StrategyFile& strategy, const FeatureSource& source, const TrainOptions& options) {
  HADAL_CHECK(strategy.forecast && !strategy.series, "a forecaster of instruments");
  return Run(strategy, source, options, forecast::make_forecaster(strategy, source)).go();
}

}  // namespace hadal::market
