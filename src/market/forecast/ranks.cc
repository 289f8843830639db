#include "market/forecast/ranks.h"

#include <algorithm>
#include <numeric>

namespace hadal::market::forecast {

std::vector<double> average_ranks(std::span<const double> values) {
  std::vector<uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return values[a] != values[b] ? values[a] < values[b] : a < b; });
  std::vector<double> ranks(values.size());
  for (size_t i = 0; i < order.size();) {
    size_t end = i + 1;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    const double rank = 0.5 * static_cast<double>(i + 1 + end);
    for (; i < end; ++i) ranks[order[i]] = rank;
  }
  return ranks;
}

double pearson(std::span<const double> a, std::span<const double> b) {
  if (a.size() < 2) return kMissing;
  const double mean_a = mean_of(a), mean_b = mean_of(b);
  double aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a[i] - mean_a, y = b[i] - mean_b;
    aa += x * x, bb += y * y, ab += x * y;
  }
  // All equal values give a mean that may be off by a bit: their spread is zero nevertheless.
  const auto flat = [](std::span<const double> v) {
    return std::all_of(v.begin(), v.end(), [&](double x) { return x == v[0]; });
  };
  if (!(aa > 0) || !(bb > 0) || flat(a) || flat(b)) return kMissing;
  return ab / (std::sqrt(aa) * std::sqrt(bb));
}

double spearman(std::span<const double> a, std::span<const double> b) {
  return pearson(average_ranks(a), average_ranks(b));
}

double mean_of(std::span<const double> values) {
  if (values.empty()) return kMissing;
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation_of(std::span<const double> values) {
  if (values.size() < 2) return kMissing;
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double newey_west_error(std::span<const double> values, int64_t lags) {
  const size_t n = values.size();
  if (n < 2) return kMissing;
  const double mean = mean_of(values);
  double variance = 0;
  for (size_t lag = 0; lag <= static_cast<size_t>(std::max<int64_t>(lags, 0)) && lag < n; ++lag) {
    double sum = 0;
    for (size_t t = lag; t < n; ++t) sum += (values[t] - mean) * (values[t - lag] - mean);
    const double weight = lag == 0 ? 1 : 2 * (1 - static_cast<double>(lag) / static_cast<double>(lags + 1));
    variance += weight * sum / static_cast<double>(n);
  }
  return std::sqrt(std::max(variance, 0.0) / static_cast<double>(n));
}

Quality quality_of(const std::vector<double>& scores, const std::vector<double>& labels, size_t num_instruments,
                   const std::vector<RowRange>& parts, int64_t horizon) {
  std::vector<double> ics, rank_ics, a, b;
  for (const RowRange& part : parts) {
    for (size_t row = part.first; row < part.last; ++row) {
      a.clear(), b.clear();
      for (size_t i = row * num_instruments; i < (row + 1) * num_instruments; ++i) {
        if (std::isnan(scores[i]) || std::isnan(labels[i])) continue;
        a.push_back(scores[i]), b.push_back(labels[i]);
      }
      const double ic = pearson(a, b), rank_ic = spearman(a, b);
      if (!std::isnan(ic)) ics.push_back(ic);
      if (!std::isnan(rank_ic)) rank_ics.push_back(rank_ic);
    }
  }
  Quality q;
  q.ic = mean_of(ics);
  q.ic_error = newey_west_error(ics, horizon);
  q.rank_ic = mean_of(rank_ics);
  q.rank_ic_error = newey_west_error(rank_ics, horizon);
  const double spread = deviation_of(ics), rank_spread = deviation_of(rank_ics);
  if (spread > 0) q.icir = q.ic / spread;
  if (rank_spread > 0) q.rank_icir = q.rank_ic / rank_spread;
  return q;
}

}  // namespace hadal::market::forecast
