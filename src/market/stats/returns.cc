#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "base/rng.h"
#include "market/stats.h"
#include "market/stats/resample.h"

namespace hadal::market {

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

double normal_quantile(double p) {
  if (std::isnan(p) || p < 0 || p > 1) return kMissing;
  if (p == 0 || p == 1) return p == 0 ? -INFINITY : INFINITY;
  if (p == 0.5) return 0;
  // Abramowitz and Stegun 26.2.23 is within 5e-4; each step of Halley's method triples the digits. In the smaller tail,
  // so that nothing cancels.
  const double tail = std::min(p, 1 - p), t = std::sqrt(-2 * std::log(tail));
  double x = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (int i = 0; i < 3; ++i) {
    const double miss = 0.5 * std::erfc(x / std::sqrt(2.0)) - tail;  // of the upper tail
    const double step = miss * std::sqrt(2 * M_PI) * std::exp(x * x / 2);
    x += step / (1 + x * step / 2);
  }
  return p < 0.5 ? -x : x;
}

Moments moments_of(std::span<const double> returns) {
  Moments m;
  m.count = static_cast<int64_t>(returns.size());
  if (returns.empty()) return m;
  const auto n = static_cast<double>(returns.size());
  m.mean = std::accumulate(returns.begin(), returns.end(), 0.0) / n;
  if (returns.size() < 2) return m;
  double two = 0, three = 0, four = 0;
  for (const double r : returns) {
    const double d = r - m.mean, square = d * d;
    two += square, three += square * d, four += square * square;
  }
  m.sd = std::sqrt(two / (n - 1));
  // Where all are equal, the mean's rounding is all the spread there is.
  const auto [low, high] = std::minmax_element(returns.begin(), returns.end());
  if (*low == *high) m.sd = 0;
  if (!(m.sd > 0)) return m;
  const double variance = two / n;
  m.skew = three / n / (variance * std::sqrt(variance));
  m.kurtosis = four / n / (variance * variance);
  return m;
}

TrackRecord track_record_of(const Moments& m) { return {m.sharpe(), m.skew, m.kurtosis, static_cast<double>(m.count)}; }

namespace {

// The variance of a Sharpe ratio's estimate, times T - 1 (Mertens 2002).
double sharpe_variance(const TrackRecord& r) {
  return 1 - r.skew * r.sharpe + (r.kurtosis - 1) / 4 * r.sharpe * r.sharpe;
}

}  // namespace

double probabilistic_sharpe(const TrackRecord& record, double benchmark) {
  const double variance = sharpe_variance(record);
  if (!(variance > 0) || !(record.length > 1)) return kMissing;
  return normal_cdf((record.sharpe - benchmark) * std::sqrt(record.length - 1) / std::sqrt(variance));
}

double expected_max_sharpe(double trials, double sd) {
  constexpr double kEuler = 0.5772156649015329;
  if (!(trials > 1)) return 0;
  return sd * ((1 - kEuler) * normal_quantile(1 - 1 / trials) + kEuler * normal_quantile(1 - 1 / (trials * M_E)));
}

double deflated_sharpe(const TrackRecord& record, double trials, double trials_sd, double benchmark) {
  return probabilistic_sharpe(record, trials > 1 ? expected_max_sharpe(trials, trials_sd) : benchmark);
}

double min_track_record(const TrackRecord& record, double benchmark, double confidence) {
  const double variance = sharpe_variance(record);
  if (!(record.sharpe > benchmark) || !(variance > 0)) return kMissing;
  const double z = normal_quantile(confidence) / (record.sharpe - benchmark);
  return 1 + variance * z * z;
}

double min_backtest_length(double trials, double sharpe) {
  if (!(sharpe > 0) || !(trials > 1)) return kMissing;
  const double ratio = expected_max_sharpe(trials, 1) / sharpe;
  return ratio * ratio;
}

Interval sharpe_interval(std::span<const double> returns, const Bootstrap& bootstrap) {
  const Moments all = moments_of(returns);
  if (returns.size() < 10 || !(all.sd > 0) || bootstrap.replicas < 1) return {};
  Rng rng(bootstrap.seed);
  std::vector<double> sharpes, sample(returns.size());
  sharpes.reserve(static_cast<size_t>(bootstrap.replicas));
  std::vector<size_t> rows(returns.size());
  for (int i = 0; i < bootstrap.replicas; ++i) {
    resample(rng, mean_block(bootstrap, returns.size()), rows);
    for (size_t t = 0; t < rows.size(); ++t) sample[t] = returns[rows[t]];
    const Moments m = moments_of(sample);
    if (m.sd > 0) sharpes.push_back(m.mean / m.sd);
  }
  if (sharpes.empty()) return {};
  std::sort(sharpes.begin(), sharpes.end());
  const double tail = (1 - bootstrap.confidence) / 2;
  return {sorted_quantile(sharpes, tail), sorted_quantile(sharpes, 1 - tail)};
}

Drawdown max_drawdown(std::span<const double> returns) {
  Drawdown worst;
  if (returns.empty()) return worst;
  worst.depth = 0;
  double wealth = 1, peak = 1;
  int64_t below = 0;
  for (const double r : returns) {
    wealth *= 1 + r;
    below = wealth < peak ? below + 1 : 0;
    peak = std::max(peak, wealth);
    worst.depth = std::min(worst.depth, wealth / peak - 1);
    worst.periods = std::max(worst.periods, below);
  }
  return worst;
}

namespace {

void add_downside(std::span<const double> returns, double periods, ReturnStatistics& s) {
  const auto n = static_cast<double>(returns.size());
  double square = 0, growth = 1;
  for (const double r : returns) {
    square += std::min(r, 0.0) * std::min(r, 0.0);
    growth *= 1 + r;
  }
  if (square > 0) s.sortino = s.moments.mean / std::sqrt(square / n) * std::sqrt(periods);
  if (s.drawdown.depth < 0 && growth > 0) s.calmar = (std::pow(growth, periods / n) - 1) / -s.drawdown.depth;
  std::vector<double> sorted(returns.begin(), returns.end());
  std::sort(sorted.begin(), sorted.end());
  s.var_95 = sorted_quantile(sorted, 0.05);
  double sum = 0, count = 0;
  for (const double r : sorted) {
    if (r > s.var_95) break;
    sum += r, ++count;
  }
  if (count > 0) s.cvar_95 = sum / count;
}

void add_sharpe(const TrackRecord& record, const StatisticsOptions& o, ReturnStatistics& s) {
  s.sharpe_annual = record.sharpe * std::sqrt(o.periods);
  s.psr = probabilistic_sharpe(record, o.benchmark_sharpe);
  s.expected_max_sharpe = market::expected_max_sharpe(o.trials, o.trials_sd);
  s.dsr = deflated_sharpe(record, o.trials, o.trials_sd, o.benchmark_sharpe);
  s.min_track_record = market::min_track_record(record, o.benchmark_sharpe, o.confidence);
  s.min_backtest_length = market::min_backtest_length(o.trials, record.sharpe);
}

}  // namespace

ReturnStatistics statistics_of(std::span<const double> returns, const StatisticsOptions& options) {
  ReturnStatistics s;
  const auto ruin = std::find_if(returns.begin(), returns.end(), [](double r) { return r <= -1; });
  s.ruined = ruin != returns.end();
  if (s.ruined) returns = returns.first(static_cast<size_t>(ruin - returns.begin()) + 1);
  s.moments = moments_of(returns);
  if (returns.empty()) return s;
  add_sharpe(track_record_of(s.moments), options, s);
  if (s.ruined)
    s.psr = s.dsr = s.min_track_record = s.min_backtest_length = kMissing;
  else
    s.sharpe_interval = market::sharpe_interval(returns, options.bootstrap);
  s.drawdown = max_drawdown(returns);
  add_downside(returns, options.periods, s);
  return s;
}

ReturnStatistics statistics_of(const TrackRecord& record, const StatisticsOptions& options) {
  ReturnStatistics s;
  s.moments = {.count = static_cast<int64_t>(record.length),
               .mean = kMissing,
               .sd = kMissing,
               .skew = record.skew,
               .kurtosis = record.kurtosis};
  add_sharpe(record, options, s);
  s.given_sharpe = record.sharpe;
  return s;
}

OrderedJson ReturnStatistics::json() const {
  OrderedJson interval = nullptr;
  if (std::isfinite(sharpe_interval.low)) interval = {sharpe_interval.low, sharpe_interval.high};
  OrderedJson json{{"mean", number_or_null(moments.mean)},
                   {"sd", number_or_null(moments.sd)},
                   {"sharpe", number_or_null(sharpe())},
                   {"sharpe_annual", number_or_null(sharpe_annual)},
                   {"sharpe_interval", std::move(interval)},
                   {"skew", number_or_null(moments.skew)},
                   {"kurtosis", number_or_null(moments.kurtosis)},
                   {"psr", number_or_null(psr)},
                   {"expected_max_sharpe", number_or_null(expected_max_sharpe)},
                   {"dsr", number_or_null(dsr)},
                   {"min_track_record", number_or_null(min_track_record)},
                   {"min_backtest_length", number_or_null(min_backtest_length)},
                   {"pbo", number_or_null(pbo)},
                   {"max_drawdown", number_or_null(drawdown.depth)},
                   {"drawdown_days", nullptr},
                   {"sortino", number_or_null(sortino)},
                   {"calmar", number_or_null(calmar)},
                   {"cvar_95", number_or_null(cvar_95)},
                   {"var_95", number_or_null(var_95)},
                   {"length", moments.count},
                   {"missing_because", nullptr}};
  if (ruined) json["missing_because"] = "all was lost in the last of these periods: no probability undoes that";
  if (!std::isnan(drawdown.depth)) json["drawdown_days"] = drawdown.periods;
  return json;
}

}  // namespace hadal::market
