// Ridge regression by normal equations. Sums over samples are taken in pieces: each piece is what a window has of a
// chunk of kChunkRows rows that begin at a multiple of it, and a window's sums are those of its pieces, in order. So a
// chunk that lies in a window as a whole and lost no sample there is summed once for all windows, and the bits do not
// depend on whether it was.
#include <algorithm>
#include <map>

#include "market/forecast/forecaster.h"
#include "market/forecast/gram.h"
#include "market/forecast/solve.h"

namespace hadal::market::forecast {
namespace {

constexpr size_t kChunkRows = 32;

class RidgeForecaster : public Forecaster {
 public:
  RidgeForecaster(double penalty, std::string who) : penalty_(penalty), who_(std::move(who)) {}
  bool uses_features() const override { return true; }
  bool predicts_label() const override { return true; }
  void fit(const Samples& samples, int64_t seed, const FitRun& run) override;
  void predict(const Samples& samples, RowRange rows, double* out) override;

 private:
  Gram sums_of(const Samples& samples, RowRange rows) const;
  void add_chunk(const Samples& samples, RowRange rows, Gram& sums);
  void solve(const Gram& sums, size_t width);

  double penalty_;
  std::string who_;
  std::map<size_t, Gram> shared_;  // by the chunk's first row
  std::vector<double> weights_, means_;
  double label_mean_ = 0;
};

// Columns: features, the label, and 1.
Gram RidgeForecaster::sums_of(const Samples& samples, RowRange rows) const {
  const size_t n = samples.num_instruments(), width = samples.num_features();
  Gram sums(width + 2);
  std::vector<double> values, packed;
  samples.features(rows, values);
  size_t count = 0;
  packed.assign(rows.size() * n * sums.stride(), 0);
  for (size_t row = rows.first; row < rows.last; ++row) {
    for (size_t i = 0; i < n; ++i) {
      const double label = samples.label(row, i);
      const double* from = values.data() + ((row - rows.first) * n + i) * width;
      if (std::isnan(label) || std::any_of(from, from + width, [](double v) { return std::isnan(v); })) continue;
      double* to = packed.data() + count++ * sums.stride();
      std::copy(from, from + width, to);
      to[width] = label;
      to[width + 1] = 1;
    }
  }
  sums.add(packed.data(), count);
  return sums;
}

void RidgeForecaster::add_chunk(const Samples& samples, RowRange rows, Gram& sums) {
  bool shareable = rows.size() == kChunkRows;
  for (size_t row = rows.first; row < rows.last && shareable; ++row) shareable = samples.shareable(row);
  if (!shareable) return sums.add(sums_of(samples, rows));
  auto found = shared_.find(rows.first);
  if (found == shared_.end()) found = shared_.emplace(rows.first, sums_of(samples, rows)).first;
  sums.add(found->second);
}

void RidgeForecaster::solve(const Gram& sums, size_t width) {
  const double count = sums.at(width + 1, width + 1);
  if (!(count > 0)) {
    fail(
        "{}: expected samples with a label and all features, found none in a training part; add \"fill_zero\" to "
        "[process] features, or take an earlier start",
        who_);
  }
  means_.resize(width);
  for (size_t i = 0; i < width; ++i) means_[i] = sums.at(i, width + 1) / count;
  label_mean_ = sums.at(width, width + 1) / count;
  std::vector<double> matrix(width * width), right(width);
  for (size_t i = 0; i < width; ++i) {
    right[i] = sums.at(i, width) - sums.at(i, width + 1) * label_mean_;
    for (size_t j = i; j < width; ++j)
      matrix[i * width + j] = matrix[j * width + i] = sums.at(i, j) - sums.at(i, width + 1) * means_[j];
  }
  weights_ = solve_ridge(matrix, right, width, 1, penalty_, who_ + ": ridge");
}

void RidgeForecaster::fit(const Samples& samples, int64_t, const FitRun&) {
  const size_t width = samples.num_features();
  Gram sums(width + 2);
  for (const RowRange& part : samples.window().train) {
    for (size_t first = part.first; first < part.last;) {
      const size_t last = std::min((first / kChunkRows + 1) * kChunkRows, part.last);
      add_chunk(samples, {first, last}, sums);
      first = last;
    }
  }
  solve(sums, width);
}

void RidgeForecaster::predict(const Samples& samples, RowRange rows, double* out) {
  const size_t n = samples.num_instruments(), width = samples.num_features();
  std::vector<double> values;
  for (size_t first = rows.first; first < rows.last; first += kChunkRows) {
    const RowRange block{first, std::min(first + kChunkRows, rows.last)};
    samples.features(block, values);
    for (size_t cell = 0; cell < block.size() * n; ++cell) {
      const double* x = values.data() + cell * width;
      double sum = label_mean_;
      for (size_t i = 0; i < width; ++i) sum += weights_[i] * (x[i] - means_[i]);  // NaN where a feature is missing
      out[(block.first - rows.first) * n + cell] = sum;
    }
  }
}

}  // namespace

std::unique_ptr<Forecaster> make_ridge(double penalty, const std::string& who) {
  return std::make_unique<RidgeForecaster>(penalty, who);
}

}  // namespace hadal::market::forecast
