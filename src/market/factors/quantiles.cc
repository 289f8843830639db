#include "market/factors/quantiles.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "market/factors/kernels.h"

namespace hadal::market::factors {
namespace {

// -0 and 0 are equal and would be told apart by what entered first.
double plain(double value) { return value + 0.0; }

class SortedWindow {
 public:
  explicit SortedWindow(int64_t window) { values_.reserve(static_cast<size_t>(window) + 1); }

  void assign(const double* x, int64_t count) {
    values_.clear();
    for (int64_t i = 0; i < count; ++i)
      if (!std::isnan(x[i * kLanes])) values_.push_back(plain(x[i * kLanes]));
    std::sort(values_.begin(), values_.end());
  }
  void insert(double value) {
    if (!std::isnan(value))
      values_.insert(std::upper_bound(values_.begin(), values_.end(), plain(value)), plain(value));
  }
  // Takes `old` out and `value` in; what lies between them moves by one place.
  void replace(double old, double value) {
    if (std::isnan(old)) return insert(value);
    const auto place = std::lower_bound(values_.begin(), values_.end(), plain(old));
    if (std::isnan(value)) {
      values_.erase(place);
      return;
    }
    value = plain(value);
    double *at = &*place, *const first = values_.data(), *const last = first + values_.size() - 1;
    for (; at < last && at[1] < value; ++at) at[0] = at[1];
    for (; at > first && at[-1] > value; --at) at[0] = at[-1];
    *at = value;
  }
  double at(double share) const {
    if (values_.empty()) return std::numeric_limits<double>::quiet_NaN();
    const double place = share * static_cast<double>(values_.size() - 1), below = std::floor(place);
    const auto i = static_cast<size_t>(below);
    if (i + 1 >= values_.size()) return values_.back();
    return values_[i] + (values_[i + 1] - values_[i]) * (place - below);
  }

 private:
  std::vector<double> values_;
};

}  // namespace

void rolling_quantiles(const double* x, int64_t window, int64_t rows, int lanes, std::span<const Quantile> quantiles) {
  SortedWindow sorted(window);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (lane >= lanes) {
      for (const Quantile& q : quantiles)
        for (int64_t t = 0; t < rows; ++t) q.out[t * kLanes + lane] = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    const double* series = x + lane;
    sorted.assign(series + (1 - window) * kLanes, window - 1);
    for (int64_t t = 0; t < rows; ++t) {
      if (t == 0)
        sorted.insert(series[0]);
      else
        sorted.replace(series[(t - window) * kLanes], series[t * kLanes]);
      for (const Quantile& q : quantiles) q.out[t * kLanes + lane] = sorted.at(q.share);
    }
  }
}

}  // namespace hadal::market::factors
