// Statistics of returns, of tries, and of forecasts. All are pure functions of their input; what draws random numbers
// takes a seed and gives the same bits for it. A value that is not defined (no spread, too few observations) is
// kMissing.
//
// Returns are simple, one a period; means and standard deviations divide by n - 1; a Sharpe ratio is mean / sd of a
// period, not annualised unless it says so; skewness and kurtosis are those of the population's moments (3 for a
// normal).
//
// Papers: Bailey and Lopez de Prado 2012, "The Sharpe ratio efficient frontier" (PSR, minimum track record) and 2014,
// "The deflated Sharpe ratio"; Bailey, Borwein, Lopez de Prado and Zhu 2014, "Pseudo-mathematics and financial
// charlatanism" (minimum backtest length) and 2017, "The probability of backtest overfitting"; Politis and Romano 1994
// (stationary bootstrap); Hansen 2005, "A test for superior predictive ability"; Newey and West 1987.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"
#include "market/panel.h"

namespace hadal::market {

double normal_cdf(double x);
double normal_quantile(double p);  // of 0 < p < 1; -infinite and infinite at the ends

// ---- One series of returns

struct Moments {
  int64_t count = 0;
  double mean = kMissing, sd = kMissing, skew = kMissing, kurtosis = kMissing;
  double sharpe() const { return sd > 0 ? mean / sd : kMissing; }
};
Moments moments_of(std::span<const double> returns);

// What the formulas of the papers see of a track record.
struct TrackRecord {
  double sharpe = kMissing, skew = 0, kurtosis = 3, length = 0;
};
TrackRecord track_record_of(const Moments& moments);

// The probability that the true Sharpe ratio is above the benchmark.
double probabilistic_sharpe(const TrackRecord& record, double benchmark);
// Of the best of N tries without skill whose Sharpe ratios have the deviation sd; 0 for one.
double expected_max_sharpe(double trials, double sd);
// PSR against that; with one trial PSR against `benchmark`.
double deflated_sharpe(const TrackRecord& record, double trials, double trials_sd, double benchmark = 0);
// Periods after which PSR(benchmark) reaches `confidence`; missing where the Sharpe ratio is not above it.
double min_track_record(const TrackRecord& record, double benchmark, double confidence = 0.95);
// Periods below which the best of N tries without skill is expected to show this Sharpe ratio (of a period): the square
// of expected_max_sharpe(N, 1) over it.
double min_backtest_length(double trials, double sharpe);

struct Interval {
  double low = kMissing, high = kMissing;
};
struct Bootstrap {
  int replicas = 2000;
  double mean_block = 0;  // periods; 0: the cube root of their number, at least 2
  double confidence = 0.95;
  uint64_t seed = 1;
};
// Percentiles of the Sharpe ratio of stationary resamples.
Interval sharpe_interval(std::span<const double> returns, const Bootstrap& bootstrap = {});

struct Drawdown {
  double depth = kMissing;  // of compounded wealth that starts at 1; <= 0
  int64_t periods = 0;      // the longest time below a former peak
};
Drawdown max_drawdown(std::span<const double> returns);

// Everything of section 5 of the rules for one series.
struct ReturnStatistics {
  Moments moments;
  double given_sharpe = kMissing;  // where there is no series
  double sharpe_annual = kMissing, psr = kMissing, expected_max_sharpe = kMissing, dsr = kMissing,
         min_track_record = kMissing, min_backtest_length = kMissing, sortino = kMissing, calmar = kMissing,
         cvar_95 = kMissing, var_95 = kMissing, pbo = kMissing;
  Interval sharpe_interval;
  Drawdown drawdown;
  // A return of -1 or less: all was lost, and what comes behind it does not count. Nothing is then said of how sure one
  // can be: psr, dsr, sharpe_interval, min_track_record and min_backtest_length are missing.
  bool ruined = false;

  double sharpe() const { return std::isnan(given_sharpe) ? moments.sharpe() : given_sharpe; }
  // mean sd sharpe sharpe_annual sharpe_interval skew kurtosis psr expected_max_sharpe dsr min_track_record
  // min_backtest_length pbo max_drawdown drawdown_days sortino calmar cvar_95 var_95, length (of the series), and
  // missing_because (why psr and its like are); missing ones are null.
  OrderedJson json() const;
};
struct StatisticsOptions {
  double benchmark_sharpe = 0;  // of a period
  double trials = 1, trials_sd = 0;
  double periods = 252;  // a year
  double confidence = 0.95;
  Bootstrap bootstrap = {};
};
// Sortino: mean / sqrt(mean(min(r, 0)^2)) * sqrt(periods). Calmar: the compounded return of a year over the depth of
// the drawdown. VaR: the 5% quantile, interpolated; CVaR: the mean of the returns up to it.
ReturnStatistics statistics_of(std::span<const double> returns, const StatisticsOptions& options = {});
// From the moments alone: what needs the series is missing.
ReturnStatistics statistics_of(const TrackRecord& record, const StatisticsOptions& options = {});

struct Regression {
  double alpha = kMissing, beta = kMissing, r_squared = kMissing;  // alpha: of a period
  double alpha_error = kMissing, beta_error = kMissing;            // Newey and West's, of `lags`
};
Regression alpha_beta(std::span<const double> returns, std::span<const double> benchmark, int lags = 0);

// ---- Many tries

// Returns [period][try].
struct TryMatrix {
  std::vector<std::string> names;
  std::vector<double> values;
  size_t num_tries() const { return names.size(); }
  size_t num_periods() const { return names.empty() ? 0 : values.size() / names.size(); }
};

struct Overfitting {
  double pbo = kMissing, mean_logit = kMissing;
  int64_t combinations = 0;
};
// CSCV: `blocks` (even, 2 to 24) blocks of equal length (what is left at the end is not used), all halves; the
// in-sample best by Sharpe ratio (first of equals), its relative rank r / (n + 1) out of sample. Error for too few
// periods or tries.
Overfitting overfitting_of(const TryMatrix& matrix, int blocks);

// Of "no try has a mean above 0": small says that the best one's is real.
struct SuperiorAbility {
  double lower = kMissing, consistent = kMissing, upper = kMissing;  // p-values
  size_t best = 0;                                                   // by studentised mean
};
SuperiorAbility superior_ability(const TryMatrix& matrix, const Bootstrap& bootstrap = {});

// A file with one column a series and a header, or without one; a column of dates or times in front is passed over.
// Error with file and line.
TryMatrix read_matrix(const Path& file);

// ---- Forecasts

// Across instruments at one time; pairs with a missing side are left out. Missing below two pairs or without spread.
double pearson(std::span<const double> x, std::span<const double> y);
double spearman(std::span<const double> x, std::span<const double> y);  // ranks of ties averaged
// Ranks from 1 on, ties averaged; missing stays missing.
std::vector<double> average_ranks(std::span<const double> values);

enum class IcKind { pearson, rank };

// The labels of one time, with which many scores are compared. The memory is kept from time to time.
class LabelRow {
 public:
  void set(std::span<const double> labels, IcKind kind);
  double ic(std::span<const double> scores);  // as pearson() and spearman() of the two

 private:
  // What of one side a correlation needs.
  struct Side {
    std::vector<double> values;
    double mean = 0, square = 0;  // the sum of squares about the mean
    bool flat = true;
    void measure();
  };
  void rank(const std::vector<double>& values, std::vector<double>& ranks);

  IcKind kind_ = IcKind::pearson;
  std::vector<uint32_t> present_;  // instruments that have a label
  std::vector<double> labels_;     // theirs
  Side all_, part_, scores_;       // labels of all that have one, or of those that have a score too
  std::vector<double> values_;
  std::vector<uint32_t> order_;
};

// [time]; `scores` and `labels` are [time][instrument].
std::vector<double> ic_series(std::span<const double> scores, std::span<const double> labels, size_t num_instruments,
                              IcKind kind);

// Of the mean of a series with lags up to `lags` (Bartlett's weights); missing values are passed over.
double newey_west_error(std::span<const double> values, int lags);

struct IcSummary {
  double mean = kMissing, sd = kMissing, icir = kMissing, error = kMissing;  // error: Newey and West's
  int64_t count = 0;
};
IcSummary summarize_ic(std::span<const double> values, int lags);

// The mean rank IC of scores with the returns 1, 2, ... `horizons` rows later; returns[t] is what row t itself brought.
std::vector<double> ic_decay(std::span<const double> scores, std::span<const double> returns, size_t num_instruments,
                             int horizons);

// Mean labels by quantile of the score, lowest first, each time weighing the same; top less bottom by time.
struct QuantileReturns {
  std::vector<double> means;
  std::vector<double> spread;  // [time]
};
QuantileReturns quantile_returns(std::span<const double> scores, std::span<const double> labels, size_t num_instruments,
                                 int quantiles);

// Half of sum |w_t - w_(t-1)|, by time from the second on; missing weights are 0.
std::vector<double> turnover(std::span<const double> weights, size_t num_instruments);

}  // namespace hadal::market
