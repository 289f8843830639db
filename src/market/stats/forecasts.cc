// How good scores are: information coefficients, their errors and decay, quantiles, turnover; alpha and beta.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "market/stats.h"

namespace hadal::market {
namespace {

// In four sums, which do not wait for each other.
template <typename Term>
double sum_of(size_t n, Term&& term) {
  double sums[4] = {};
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (size_t k = 0; k < 4; ++k) sums[k] += term(i + k);
  for (; i < n; ++i) sums[i % 4] += term(i);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// Ranks from 1 on of values without missing ones, ties averaged.
void rank_values(std::span<const double> values, std::vector<uint32_t>& order, std::vector<double>& ranks) {
  order.resize(values.size()), ranks.resize(values.size());
  std::iota(order.begin(), order.end(), uint32_t{0});
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return values[a] < values[b]; });
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double mean = (static_cast<double>(begin + end) + 1) / 2;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = mean;
  }
}

// One row's pairs; kept from row to row.
struct Pairs {
  std::vector<double> x, y, rank_x;
  std::vector<uint32_t> order;

  void take(std::span<const double> a, std::span<const double> b) {
    x.clear(), y.clear();
    for (size_t i = 0; i < a.size(); ++i) {
      if (std::isnan(a[i]) || std::isnan(b[i])) continue;
      x.push_back(a[i]), y.push_back(b[i]);
    }
  }
};

std::vector<double> without_missing(std::span<const double> values) {
  std::vector<double> kept;
  kept.reserve(values.size());
  for (const double value : values)
    if (!std::isnan(value)) kept.push_back(value);
  return kept;
}

// Long-run variance of what has mean 0, with Bartlett's weights.
double long_run_variance(std::span<const double> centred, int lags) {
  const size_t n = centred.size();
  double variance = 0;
  for (size_t lag = 0; lag <= static_cast<size_t>(std::max(lags, 0)) && lag < n; ++lag) {
    double sum = 0;
    for (size_t t = lag; t < n; ++t) sum += centred[t] * centred[t - lag];
    const double weight = lag == 0 ? 1 : 2 * (1 - static_cast<double>(lag) / (std::max(lags, 0) + 1.0));
    variance += weight * sum / static_cast<double>(n);
  }
  return std::max(variance, 0.0);
}

}  // namespace

void LabelRow::Side::measure() {
  const size_t n = values.size();
  mean = n == 0 ? 0 : sum_of(n, [&](size_t i) { return values[i]; }) / static_cast<double>(n);
  square = sum_of(n, [&](size_t i) { return (values[i] - mean) * (values[i] - mean); });
  flat = std::all_of(values.begin(), values.end(), [&](double value) { return value == values[0]; });
}

void LabelRow::rank(const std::vector<double>& values, std::vector<double>& ranks) {
  rank_values(values, order_, ranks);
}

void LabelRow::set(std::span<const double> labels, IcKind kind) {
  kind_ = kind;
  present_.clear(), labels_.clear();
  for (size_t i = 0; i < labels.size(); ++i) {
    if (std::isnan(labels[i])) continue;
    present_.push_back(static_cast<uint32_t>(i)), labels_.push_back(labels[i]);
  }
  if (kind == IcKind::rank)
    rank(labels_, all_.values);
  else
    all_.values = labels_;
  all_.measure();
}

double LabelRow::ic(std::span<const double> scores) {
  const size_t most = present_.size();
  values_.resize(most);
  size_t n = 0;
  for (const uint32_t i : present_) {
    values_[n] = scores[i];
    n += scores[i] == scores[i];
  }
  values_.resize(n);
  if (n < 2) return kMissing;
  const Side* labels = &all_;
  if (n < most) {
    std::vector<double>& kept = kind_ == IcKind::rank ? scores_.values : part_.values;  // the former is still free
    kept.clear();
    for (size_t k = 0; k < most; ++k)
      if (const double score = scores[present_[k]]; score == score) kept.push_back(labels_[k]);
    if (kind_ == IcKind::rank) rank(kept, part_.values);
    part_.measure();
    labels = &part_;
  }
  if (kind_ == IcKind::rank)
    rank(values_, scores_.values);
  else
    scores_.values.swap(values_);
  scores_.measure();
  if (!(scores_.square > 0) || !(labels->square > 0) || scores_.flat || labels->flat) return kMissing;
  const std::vector<double>&x = scores_.values, &y = labels->values;
  const double xy = sum_of(n, [&](size_t i) { return (x[i] - scores_.mean) * (y[i] - labels->mean); });
  return std::clamp(xy / std::sqrt(scores_.square * labels->square), -1.0, 1.0);
}

double pearson(std::span<const double> x, std::span<const double> y) {
  LabelRow labels;
  labels.set(y, IcKind::pearson);
  return labels.ic(x);
}

double spearman(std::span<const double> x, std::span<const double> y) {
  LabelRow labels;
  labels.set(y, IcKind::rank);
  return labels.ic(x);
}

std::vector<double> average_ranks(std::span<const double> values) {
  std::vector<uint32_t> order;
  std::vector<double> kept;
  rank_values(without_missing(values), order, kept);
  std::vector<double> ranks(values.begin(), values.end());
  size_t next = 0;
  for (double& rank : ranks)
    if (!std::isnan(rank)) rank = kept[next++];
  return ranks;
}

std::vector<double> ic_series(std::span<const double> scores, std::span<const double> labels, size_t num_instruments,
                              IcKind kind) {
  HADAL_CHECK(num_instruments > 0 && scores.size() == labels.size() && scores.size() % num_instruments == 0);
  std::vector<double> series;
  series.reserve(scores.size() / num_instruments);
  LabelRow label_row;
  for (size_t row = 0; row < scores.size(); row += num_instruments) {
    label_row.set(labels.subspan(row, num_instruments), kind);
    series.push_back(label_row.ic(scores.subspan(row, num_instruments)));
  }
  return series;
}

double newey_west_error(std::span<const double> values, int lags) {
  std::vector<double> kept = without_missing(values);
  if (kept.size() < 2) return kMissing;
  const auto n = static_cast<double>(kept.size());
  const double mean = std::accumulate(kept.begin(), kept.end(), 0.0) / n;
  for (double& value : kept) value -= mean;
  return std::sqrt(long_run_variance(kept, lags) / n);
}

IcSummary summarize_ic(std::span<const double> values, int lags) {
  const std::vector<double> kept = without_missing(values);
  const Moments moments = moments_of(kept);
  return {.mean = moments.mean,
          .sd = moments.sd,
          .icir = moments.sharpe(),
          .error = newey_west_error(kept, lags),
          .count = moments.count};
}

std::vector<double> ic_decay(std::span<const double> scores, std::span<const double> returns, size_t num_instruments,
                             int horizons) {
  HADAL_CHECK(num_instruments > 0 && scores.size() == returns.size() && scores.size() % num_instruments == 0);
  std::vector<double> decay;
  for (int horizon = 1; horizon <= horizons; ++horizon) {
    const size_t shift = static_cast<size_t>(horizon) * num_instruments;
    if (shift >= scores.size()) {
      decay.push_back(kMissing);
      continue;
    }
    const auto series =
        ic_series(scores.first(scores.size() - shift), returns.subspan(shift), num_instruments, IcKind::rank);
    decay.push_back(moments_of(without_missing(series)).mean);
  }
  return decay;
}

QuantileReturns quantile_returns(std::span<const double> scores, std::span<const double> labels, size_t num_instruments,
                                 int quantiles) {
  HADAL_CHECK(quantiles >= 2 && num_instruments > 0 && scores.size() == labels.size() &&
              scores.size() % num_instruments == 0);
  const auto num = static_cast<size_t>(quantiles);
  QuantileReturns result;
  result.means.assign(num, 0);
  std::vector<double> sums(num), counts(num), times(num);
  Pairs pairs;
  for (size_t row = 0; row < scores.size(); row += num_instruments) {
    pairs.take(scores.subspan(row, num_instruments), labels.subspan(row, num_instruments));
    rank_values(pairs.x, pairs.order, pairs.rank_x);
    std::fill(sums.begin(), sums.end(), 0.0), std::fill(counts.begin(), counts.end(), 0.0);
    const auto n = static_cast<double>(pairs.x.size());
    for (size_t i = 0; i < pairs.x.size(); ++i) {  // ties share a quantile
      const auto at = std::min(static_cast<size_t>((pairs.rank_x[i] - 0.5) / n * quantiles), num - 1);
      sums[at] += pairs.y[i], ++counts[at];
    }
    for (size_t q = 0; q < num; ++q)
      if (counts[q] > 0) result.means[q] += sums[q] / counts[q], ++times[q];
    const bool both = counts.front() > 0 && counts.back() > 0;
    result.spread.push_back(both ? sums.back() / counts.back() - sums.front() / counts.front() : kMissing);
  }
  for (size_t q = 0; q < num; ++q) result.means[q] = times[q] > 0 ? result.means[q] / times[q] : kMissing;
  return result;
}

std::vector<double> turnover(std::span<const double> weights, size_t num_instruments) {
  HADAL_CHECK(num_instruments > 0 && weights.size() % num_instruments == 0);
  const auto weight = [&](size_t at) { return std::isnan(weights[at]) ? 0 : weights[at]; };
  std::vector<double> result;
  for (size_t row = num_instruments; row < weights.size(); row += num_instruments) {
    double sum = 0;
    for (size_t i = row; i < row + num_instruments; ++i) sum += std::abs(weight(i) - weight(i - num_instruments));
    result.push_back(sum / 2);
  }
  return result;
}

Regression alpha_beta(std::span<const double> returns, std::span<const double> benchmark, int lags) {
  HADAL_CHECK(returns.size() == benchmark.size());
  Regression fit;
  const Moments y = moments_of(returns), x = moments_of(benchmark);
  if (returns.size() < 3 || !(x.sd > 0)) return fit;
  const auto n = static_cast<double>(returns.size());
  double xx = 0, xy = 0, yy = 0;
  for (size_t t = 0; t < returns.size(); ++t) {
    const double a = benchmark[t] - x.mean, b = returns[t] - y.mean;
    xx += a * a, xy += a * b, yy += b * b;
  }
  fit.beta = xy / xx;
  fit.alpha = y.mean - fit.beta * x.mean;
  if (yy > 0) fit.r_squared = xy * xy / (xx * yy);
  // The sandwich (X'X)^-1 S (X'X)^-1, written out: the influence of each period on alpha and on beta.
  std::vector<double> on_alpha(returns.size()), on_beta(returns.size());
  for (size_t t = 0; t < returns.size(); ++t) {
    const double a = benchmark[t] - x.mean, residual = returns[t] - fit.alpha - fit.beta * benchmark[t];
    on_beta[t] = residual * a * n / xx;
    on_alpha[t] = residual - on_beta[t] * x.mean;
  }
  fit.alpha_error = std::sqrt(long_run_variance(on_alpha, lags) / n);
  fit.beta_error = std::sqrt(long_run_variance(on_beta, lags) / n);
  return fit;
}

}  // namespace hadal::market
