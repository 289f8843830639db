// Boosted trees as a forecaster: units, early stopping, forecasts.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/threads.h"
#include "market/forecast/forecaster.h"
#include "market/forecast/trees.h"
#include "market/stopped.h"

namespace hadal::market::forecast {
namespace {

// Labels as the trees see them: centred, and scaled by a power of two into [-1, 1].
struct Units {
  double mean = 0, scale = 1;  // label = mean + scale * what the trees say
};

Units units_of(const std::vector<double>& labels) {
  Units units;
  double sum = 0, most = 0;
  for (const double label : labels) sum += label / static_cast<double>(labels.size());
  units.mean = sum;
  for (const double label : labels) most = std::max(most, std::fabs(label - units.mean));
  int exponent = 0;
  if (most > 0) std::frexp(most, &exponent);
  units.scale = std::ldexp(1.0, exponent);
  return units;
}

// XGBoost's threads wait for each other several times a node, which takes longer than few values do, and much longer
// where other programs have the cores.
int threads_for(size_t num_values) {
  constexpr size_t kValuesPerThread = 1 << 20;
  return static_cast<int>(std::clamp<size_t>(num_values / kValuesPerThread, 1, ThreadPool::shared().size()));
}

// The validation part: features, labels in units, and the sums of the trees so far.
struct Validation {
  std::vector<float> features;
  std::vector<double> labels, sums;

  double error_after(const Trees& trees, int64_t round) {
    const auto added = trees.sums(features, round, round + 1);
    double error = 0;
    for (size_t i = 0; i < labels.size(); ++i) {
      sums[i] += added[i];
      error += (sums[i] - labels[i]) * (sums[i] - labels[i]);
    }
    return error;
  }
};

class TreesForecaster : public Forecaster {
 public:
  TreesForecaster(const TreesSpec& spec, std::string who) : spec_(spec), who_(std::move(who)) {}
  bool uses_features() const override { return true; }
  bool uses_seed() const override { return true; }
  bool needs_validation() const override { return true; }
  bool predicts_label() const override { return true; }
  void fit(const Samples& samples, int64_t seed, const FitRun& run) override;
  void predict(const Samples& samples, RowRange rows, double* out) override;

 private:
  std::vector<double> training_labels(SampleBlocks& blocks);
  Validation validation_of(const Samples& samples) const;
  void grow(const std::vector<double>& labels, Validation& valid, const FitRun& run);

  TreesSpec spec_;
  std::string who_;
  std::unique_ptr<Trees> trees_;
  Units units_;
  int64_t num_trees_ = 0;  // that forecast
};

std::vector<double> TreesForecaster::training_labels(SampleBlocks& blocks) {
  std::vector<double> labels;
  while (blocks.next()) labels.insert(labels.end(), blocks.labels().begin(), blocks.labels().end());
  if (labels.empty()) {
    fail("{}: trees: expected samples with a label and a feature, found none in a training part; take an earlier start",
         who_);
  }
  units_ = units_of(labels);
  for (double& label : labels) label = (label - units_.mean) / units_.scale;
  return labels;
}

Validation TreesForecaster::validation_of(const Samples& samples) const {
  Validation valid;
  if (samples.window().valid.size() == 0) return valid;
  SampleBlocks blocks(samples, {samples.window().valid});
  while (blocks.next()) {
    valid.features.insert(valid.features.end(), blocks.features().begin(), blocks.features().end());
    for (const double label : blocks.labels()) valid.labels.push_back((label - units_.mean) / units_.scale);
  }
  if (valid.labels.empty()) {
    fail(
        "{}: trees: expected samples in each validation part, found none in one; take more valid_days than the label "
        "looks ahead, or valid_days = 0 for a fixed number of rounds",
        who_);
  }
  valid.sums.assign(valid.labels.size(), 0);
  return valid;
}

void TreesForecaster::fit(const Samples& samples, int64_t seed, const FitRun& run) {
  SampleBlocks blocks(samples, samples.window().train);
  const std::vector<double> labels = training_labels(blocks);
  Validation valid = validation_of(samples);
  trees_.reset();
  trees_ = std::make_unique<Trees>(spec_, seed, blocks, threads_for(labels.size() * blocks.width()), who_ + ": trees");
  grow(labels, valid, run);
}

void TreesForecaster::grow(const std::vector<double>& labels, Validation& valid, const FitRun& run) {
  double best = std::numeric_limits<double>::infinity();
  num_trees_ = 0;
  for (int64_t round = 0; round < spec_.rounds; ++round) {
    if (run.stop != nullptr && *run.stop) throw Stopped(fmt::format("stopped in round {} of {}", round + 1, run.who));
    if (!trees_->boost(labels)) return;
    if (valid.labels.empty()) {
      num_trees_ = round + 1;
      continue;
    }
    const double error = valid.error_after(*trees_, round);
    if (error < best) best = error, num_trees_ = round + 1;
    if (round + 1 - num_trees_ >= spec_.early_stop_rounds) return;
  }
}

void TreesForecaster::predict(const Samples& samples, RowRange rows, double* out) {
  const size_t n = samples.num_instruments(), width = samples.num_features();
  std::vector<double> values;
  std::vector<float> packed;
  std::vector<double*> to;
  for (size_t first = rows.first; first < rows.last; first += kSampleRows) {
    const RowRange block{first, std::min(first + kSampleRows, rows.last)};
    samples.features(block, values);
    packed.clear(), to.clear();
    for (size_t cell = 0; cell < block.size() * n; ++cell) {
      double* forecast = out + (first - rows.first) * n + cell;
      *forecast = pack_features(values.data() + cell * width, width, packed) ? units_.mean : kMissing;
      if (!std::isnan(*forecast)) to.push_back(forecast);
    }
    if (to.empty() || num_trees_ == 0) continue;
    const auto sums = trees_->sums(packed, 0, num_trees_);
    for (size_t k = 0; k < to.size(); ++k) *to[k] += units_.scale * sums[k];
  }
}

}  // namespace

std::unique_ptr<Forecaster> make_trees(const TreesSpec& spec, const std::string& who) {
  return std::make_unique<TreesForecaster>(spec, who);
}

}  // namespace hadal::market::forecast
