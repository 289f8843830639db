// XGBoost's histogram trees, by its C API, which is named in this file alone.
//
// The gradients are ours. They are multiples of a power of two with 24 bits, so that sums of up to 2^29 of them are
// exact in double in any order: how many threads add up a histogram cannot change a bit of a tree.
#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <exception>

#include "base/error.h"
#include "market/forecast/trees.h"

namespace hadal::market::forecast {
namespace {

constexpr int kBins = 128;  // of a feature's histogram

void check(int status, const std::string& who) {
  if (status == 0) return;
  const std::string message = XGBGetLastError();  // what follows the first line is a stack trace
  fail("{}: XGBoost says: {}", who, brief(message.substr(0, message.find('\n'))));
}

using Matrix = std::unique_ptr<void, decltype(&XGDMatrixFree)>;

// XGBoost's description of [count][width] floats.
std::string interface_of(const std::vector<float>& values, size_t width) {
  return fmt::format(R"({{"data": [{}, true], "shape": [{}, {}], "typestr": "<f4", "version": 3}})",
                     reinterpret_cast<uintptr_t>(values.data()), values.size() / width, width);
}

// What XGBoost's callbacks need. They may not throw: the error waits until XGBoost has returned.
struct Feed {
  SampleBlocks& blocks;
  Matrix proxy;
  std::exception_ptr error;
};

int feed_next(DataIterHandle handle) {
  Feed& feed = *static_cast<Feed*>(handle);
  try {
    if (!feed.blocks.next()) return 0;
    check(
        XGProxyDMatrixSetDataDense(feed.proxy.get(), interface_of(feed.blocks.features(), feed.blocks.width()).c_str()),
        "a block");
    return 1;
  } catch (...) {
    feed.error = std::current_exception();
    return 0;
  }
}

void feed_restart(DataIterHandle handle) { static_cast<Feed*>(handle)->blocks.restart(); }

Matrix binned(SampleBlocks& blocks, int num_threads, const std::string& who) {
  void *proxy = nullptr, *matrix = nullptr;
  check(XGProxyDMatrixCreate(&proxy), who);
  Feed feed{blocks, Matrix(proxy, XGDMatrixFree), nullptr};
  const std::string config = fmt::format(R"({{"missing": NaN, "nthread": {}, "max_bin": {}}})", num_threads, kBins);
  const int status =
      XGQuantileDMatrixCreateFromCallback(&feed, proxy, nullptr, feed_restart, feed_next, config.c_str(), &matrix);
  Matrix made(matrix, XGDMatrixFree);
  if (feed.error) std::rethrow_exception(feed.error);
  check(status, who);
  return made;
}

}  // namespace

struct Trees::State {
  void set(const char* key, const std::string& value) {
    check(XGBoosterSetParam(booster.get(), key, value.c_str()), who);
  }
  const float* training_sums(size_t count) const;

  std::string who;
  size_t width = 0;
  std::unique_ptr<void, decltype(&XGDMatrixFree)> matrix{nullptr, XGDMatrixFree};
  std::unique_ptr<void, decltype(&XGBoosterFree)> booster{nullptr, XGBoosterFree};
  std::vector<float> gradients, ones;
};

Trees::Trees(const TreesSpec& spec, int64_t seed, SampleBlocks& blocks, int num_threads, std::string who)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.who = std::move(who);
  s.width = blocks.width();
  check(XGBRegisterLogCallback([](const char*) {}), s.who);
  check(XGBSetGlobalConfig(R"({"verbosity": 0})"), s.who);
  s.matrix = binned(blocks, num_threads, s.who);
  void *handle = nullptr, *train = s.matrix.get();
  check(XGBoosterCreate(&train, 1, &handle), s.who);
  s.booster.reset(handle);
  const auto number = [](auto value) { return fmt::format("{}", value); };
  s.set("verbosity", "0");
  s.set("booster", "gbtree");
  s.set("tree_method", "hist");
  s.set("objective", "reg:squarederror");
  s.set("base_score", "0");
  s.set("disable_default_eval_metric", "1");
  s.set("max_bin", number(kBins));
  s.set("nthread", number(num_threads));
  s.set("seed", number(seed));
  s.set("max_depth", number(spec.depth));
  s.set("eta", number(spec.learning_rate));
  s.set("min_child_weight", number(spec.leaf_samples));
  s.set("subsample", number(spec.subsample));
  s.set("colsample_bynode", number(spec.column_sample));
  s.set("reg_lambda", number(spec.leaf_penalty));
}

Trees::~Trees() = default;

const float* Trees::State::training_sums(size_t count) const {
  const bst_ulong* shape = nullptr;
  bst_ulong rank = 0;
  const float* sums = nullptr;
  const char* config =
      R"({"type": 1, "training": true, "iteration_begin": 0, "iteration_end": 0, "strict_shape": false})";
  check(XGBoosterPredictFromDMatrix(booster.get(), matrix.get(), config, &shape, &rank, &sums), who);
  HADAL_CHECK(rank == 1 && shape[0] == count, "{} forecasts of {} samples", shape[0], count);
  return sums;
}

bool Trees::boost(const std::vector<double>& labels) {
  State& s = *state_;
  const float* sums = s.training_sums(labels.size());
  double most = 0;
  for (size_t i = 0; i < labels.size(); ++i) most = std::max(most, std::fabs(sums[i] - labels[i]));
  if (!(most > 0)) return false;
  int exponent = 0;
  std::frexp(most, &exponent);
  const double step = std::ldexp(1.0, exponent - 23);
  s.gradients.resize(labels.size()), s.ones.assign(labels.size(), 1);
  for (size_t i = 0; i < labels.size(); ++i)
    s.gradients[i] = static_cast<float>(std::nearbyint((sums[i] - labels[i]) / step) * step);
  check(XGBoosterBoostOneIter(s.booster.get(), s.matrix.get(), s.gradients.data(), s.ones.data(), labels.size()),
        s.who);
  return true;
}

std::span<const float> Trees::sums(const std::vector<float>& features, int64_t begin, int64_t end) const {
  const bst_ulong* shape = nullptr;
  bst_ulong rank = 0;
  const float* out = nullptr;
  const std::string config = fmt::format(
      R"({{"type": 1, "training": false, "iteration_begin": {}, "iteration_end": {}, "strict_shape": false, "missing": NaN, "cache_id": 0}})",
      begin, end);
  check(XGBoosterPredictFromDense(state_->booster.get(), interface_of(features, state_->width).c_str(), config.c_str(),
                                  nullptr, &shape, &rank, &out),
        state_->who);
  HADAL_CHECK(rank == 1 && shape[0] == features.size() / state_->width, "forecasts of other samples");
  return {out, shape[0]};
}

}  // namespace hadal::market::forecast
