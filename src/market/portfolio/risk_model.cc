#include "market/portfolio/risk_model.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "market/forecast/gram.h"
#include "market/portfolio/linear.h"
#include "market/portfolio/portfolio.h"

namespace hadal::market {
namespace {

constexpr double kLeastSpecific = 0.01;  // of an instrument's variance

// The last rows of `count` sessions, ascending; the last of them is `row`. Empty where there are not as many.
std::vector<size_t> session_ends(const Panel& panel, size_t row, size_t count) {
  std::vector<size_t> ends;
  for (size_t r = row + 1; r-- > 0 && ends.size() < count;)
    if (ends_session(panel, r, row + 1)) ends.push_back(r);
  if (ends.size() < count) return {};
  std::reverse(ends.begin(), ends.end());
  return ends;
}

// Closes at the ends of sessions; empty where there is no history (past_returns says which is one).
std::vector<double> closes_of(const Panel& panel, const std::vector<size_t>& ends, size_t instrument) {
  double last = last_close(panel, ends[0], instrument);
  if (std::isnan(last)) return {};
  std::vector<double> closes = {last};
  size_t traded = 0, moved = 0;
  for (size_t s = 1; s < ends.size(); ++s) {
    bool has_bar = false;
    for (size_t row = ends[s - 1] + 1; row <= ends[s]; ++row) {
      if (!panel.has_bar(row, instrument)) continue;
      last = panel.close[panel.at(row, instrument)];
      has_bar = true;
    }
    traded += has_bar;
    moved += last != closes.back();
    closes.push_back(last);
  }
  if (2 * traded < ends.size() - 1 || moved == 0) return {};
  return closes;
}

// Without their means, [days][stride].
std::vector<double> centred(const std::vector<double>& returns, size_t days, size_t stride) {
  const size_t n = returns.size() / days;
  std::vector<double> mean(n), out(days * stride);
  for (size_t t = 0; t < days; ++t)
    for (size_t i = 0; i < n; ++i) mean[i] += returns[t * n + i];
  for (size_t t = 0; t < days; ++t)
    for (size_t i = 0; i < n; ++i) out[t * stride + i] = returns[t * n + i] - mean[i] / static_cast<double>(days);
  return out;
}

// Sum of x x' over samples [num_samples][gram.stride()], divided by `by`: [width][width].
std::vector<double> products(forecast::Gram gram, const std::vector<double>& samples, size_t by) {
  const size_t n = gram.width();
  gram.add(samples.data(), samples.size() / gram.stride());
  std::vector<double> out(n * n);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) out[i * n + j] = gram.at(i, j) / static_cast<double>(by);
  return out;
}

// S, [n][n], or where there are fewer days than instruments XX'/T, [days][days]: what has the same eigenvalues but for
// 0, the same sum of the diagonal and of the squares.
std::vector<double> smaller_product(const std::vector<double>& returns, size_t days) {
  const size_t n = returns.size() / days;
  if (n <= days) {
    const forecast::Gram gram(n);
    return products(gram, centred(returns, days, gram.stride()), days);
  }
  const forecast::Gram gram(days);
  const std::vector<double> x = centred(returns, days, n);
  std::vector<double> turned(n * gram.stride());
  for (size_t t = 0; t < days; ++t)
    for (size_t i = 0; i < n; ++i) turned[i * gram.stride() + t] = x[t * n + i];
  return products(gram, turned, days);
}

// B, [n][k]. With u an eigenvector of XX'/T, its column is X'u / sqrt(T).
std::vector<double> principal_loadings(const std::vector<double>& returns, size_t days, size_t k) {
  const size_t n = returns.size() / days;
  const qp::Eigenpairs pairs = qp::largest_eigenpairs(smaller_product(returns, days), std::min(n, days), k);
  std::vector<double> loadings(n * k);
  if (n <= days) {
    for (size_t f = 0; f < k; ++f)
      for (size_t i = 0; i < n; ++i)
        loadings[i * k + f] = pairs.vectors[f * n + i] * std::sqrt(std::max(0.0, pairs.values[f]));
    return loadings;
  }
  const std::vector<double> x = centred(returns, days, n);
  for (size_t t = 0; t < days; ++t)
    for (size_t i = 0; i < n; ++i)
      for (size_t f = 0; f < k; ++f)
        loadings[i * k + f] += x[t * n + i] * pairs.vectors[f * days + t] / std::sqrt(static_cast<double>(days));
  return loadings;
}

std::vector<double> variances_of(const std::vector<double>& returns, size_t days) {
  const size_t n = returns.size() / days;
  const std::vector<double> x = centred(returns, days, n);
  std::vector<double> variance(n);
  for (size_t t = 0; t < days; ++t)
    for (size_t i = 0; i < n; ++i) variance[i] += x[t * n + i] * x[t * n + i] / static_cast<double>(days);
  return variance;
}

}  // namespace

double last_close(const Panel& panel, size_t row, size_t instrument) {
  for (size_t r = row + 1; r-- > 0;)
    if (panel.has_bar(r, instrument)) return panel.close[panel.at(r, instrument)];
  return kMissing;
}

PastReturns past_returns(const Panel& panel, size_t row, std::span<const uint32_t> instruments, size_t days) {
  PastReturns out;
  out.days = days;
  const std::vector<size_t> ends = session_ends(panel, row, days + 1);
  if (ends.empty()) return out;
  std::vector<std::vector<double>> closes;
  for (const uint32_t instrument : instruments) {
    std::vector<double> own = closes_of(panel, ends, instrument);
    if (own.empty()) continue;
    out.instruments.push_back(instrument);
    closes.push_back(std::move(own));
  }
  for (size_t t = 0; t < days; ++t)
    for (const auto& own : closes) out.values.push_back(own[t + 1] / own[t] - 1);
  return out;
}

std::vector<double> RiskModel::dense() const {
  if (!covariance.empty()) return covariance;
  const size_t n = specific.size(), k = loadings.size() / n;
  std::vector<double> out(n * n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j)
      for (size_t f = 0; f < k; ++f) out[i * n + j] += loadings[i * k + f] * loadings[j * k + f];
    out[i * n + i] += specific[i];
  }
  return out;
}

RiskModel ledoit_wolf(const std::vector<double>& returns, size_t days) {
  HADAL_CHECK(days > 0 && !returns.empty(), "returns");
  const size_t n = returns.size() / days, m = std::min(n, days);
  const std::vector<double> x = centred(returns, days, n);
  std::vector<double> product = smaller_product(returns, days);
  double mean = 0, squares = 0, fourth = 0;
  for (size_t i = 0; i < m; ++i) mean += product[i * m + i] / static_cast<double>(n);
  for (const double value : product) squares += value * value;
  for (size_t s = 0; s < days; ++s) {
    double length = 0;
    for (size_t i = 0; i < n; ++i) length += x[s * n + i] * x[s * n + i];
    fourth += length * length;
  }
  // sum over t of |x_t x_t' - S|^2 = sum of |x_t|^4 - T |S|^2
  const double t = static_cast<double>(days), spread = squares - static_cast<double>(n) * mean * mean;
  const double error = std::max(0.0, fourth / t - squares) / t;
  RiskModel model;
  model.shrinkage = spread > 0 ? std::min(1.0, error / spread) : 1;
  model.variance = variances_of(returns, days);
  for (double& value : model.variance) value = (1 - model.shrinkage) * value + model.shrinkage * mean;
  if (n > days) {  // the same matrix: (1 - rho) X'X/T + rho m I
    model.specific.assign(n, model.shrinkage * mean);
    for (size_t i = 0; i < n; ++i)
      for (size_t s = 0; s < days; ++s) model.loadings.push_back(std::sqrt((1 - model.shrinkage) / t) * x[s * n + i]);
    return model;
  }
  model.covariance = std::move(product);
  for (double& value : model.covariance) value *= 1 - model.shrinkage;
  for (size_t i = 0; i < n; ++i) model.covariance[i * n + i] += model.shrinkage * mean;
  return model;
}

RiskModel factor_model(const std::vector<double>& returns, size_t days, size_t num_factors) {
  HADAL_CHECK(days > 0 && !returns.empty(), "returns");
  const size_t n = returns.size() / days, k = std::min({num_factors, n, days});
  RiskModel model;
  model.loadings = principal_loadings(returns, days, k);
  const std::vector<double> sample = variances_of(returns, days);
  for (size_t i = 0; i < n; ++i) {
    double common = 0;
    for (size_t f = 0; f < k; ++f) common += model.loadings[i * k + f] * model.loadings[i * k + f];
    model.specific.push_back(std::max(sample[i] - common, kLeastSpecific * sample[i]));
    model.variance.push_back(common + model.specific.back());
  }
  return model;
}

RiskModel risk_model(const RiskSpec& spec, const PastReturns& returns) {
  if (spec.covariance == "ledoit_wolf") return ledoit_wolf(returns.values, returns.days);
  return factor_model(returns.values, returns.days, static_cast<size_t>(spec.factors));
}

PastReturns Histories::of(const Panel& panel, size_t row, std::span<const uint32_t> instruments) {
  PastReturns returns = past_returns(panel, row, instruments, days_);
  if (instruments.empty()) return returns;
  if (returns.size() == 0) {
    ++empty_;
    return returns;
  }
  ++decisions_;
  if (returns.size() == instruments.size()) return returns;
  ++lacking_;
  for (const uint32_t instrument : instruments)
    if (!std::binary_search(returns.instruments.begin(), returns.instruments.end(), instrument))
      left_out_.insert(panel.symbols[instrument]);
  return returns;
}

std::vector<std::string> Histories::notes() const {
  std::vector<std::string> notes;
  if (empty_ > 0) {
    notes.push_back(
        fmt::format("{} passed without a decision: no instrument had {} sessions of history with prices that move",
                    counted(empty_, "session"), days_));
  }
  if (lacking_ > 0) {
    notes.push_back(
        fmt::format("at {} of {}, instruments without {} sessions of history with prices that move were left out: {}",
                    lacking_, counted(decisions_, "decision"), days_, first_names(left_out_)));
  }
  return notes;
}

std::string first_names(const std::set<std::string>& names) {
  constexpr size_t kNamed = 5;
  std::string text;
  size_t k = 0;
  for (auto name = names.begin(); name != names.end() && k < kNamed; ++name, ++k) text += (k == 0 ? "" : ", ") + *name;
  return names.size() > kNamed ? text + fmt::format(" and {} more", names.size() - kNamed) : text;
}

}  // namespace hadal::market
