// An mlp from a window of one channel, in the window's own units, to its next values.
#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "base/rng.h"
#include "market/forecast/network_training.h"
#include "market/forecast/series_task.h"

namespace hadal::market::forecast {
namespace {

constexpr size_t kBatch = 256, kTestBatch = 1024;  // windows

// The targets' first values of some windows.
using WindowPlaces = std::vector<const double*>;

// Cells are windows: their values and a 1; the last row is zero.
NetworkBatch batch_of(const SeriesTask& task, const WindowPlaces& places, bool with_targets) {
  const size_t width = task.look_back + 1;
  NetworkBatch batch;
  std::vector<float> cells((places.size() + 1) * width, 0);
  for (size_t w = 0; w < places.size(); ++w) {
    const double* window = places[w] - task.look_back;
    const auto [mean, deviation] = window_units(window, task.look_back);
    float* cell = cells.data() + w * width;
    for (size_t i = 0; i < task.look_back; ++i) cell[i] = static_cast<float>((window[i] - mean) / deviation);
    cell[task.look_back] = 1;
    batch.windows.push_back(static_cast<int64_t>(w));
    if (!with_targets) continue;
    for (size_t h = 0; h < task.horizon; ++h)
      batch.targets.push_back(static_cast<float>((places[w][h] - mean) / deviation));
  }
  batch.cells = Tensor::from({static_cast<int64_t>(places.size() + 1), static_cast<int64_t>(width)}, cells);
  batch.places.assign(places.size(), -1);
  batch.groups = batch.target_groups = {0, static_cast<int32_t>(places.size())};
  return batch;
}

// Window `index` of a part, channel by channel.
const double* place_of(const SeriesTask& task, RowRange rows, size_t index) {
  return task.series.channel(index / rows.size()) + rows.first + index % rows.size();
}

WindowPlaces window_places(const SeriesTask& task, RowRange rows, size_t first, size_t count) {
  WindowPlaces places;
  for (size_t i = first; i < std::min(first + count, rows.size() * task.num_channels()); ++i)
    places.push_back(place_of(task, rows, i));
  return places;
}

class SeriesBatches : public BatchSource {
 public:
  SeriesBatches(const SeriesTask& task, double noise, uint64_t seed)
      : task_(task),
        noise_(static_cast<float>(noise)),
        seed_(seed),
        order_(task.training().size() * task.num_channels()) {}

  int64_t steps_per_epoch() const override { return static_cast<int64_t>((order_.size() + kBatch - 1) / kBatch); }
  NetworkBatch training(int64_t epoch, int64_t step) const override;
  int64_t num_validation() const override {
    return static_cast<int64_t>((task_.validation().size() * task_.num_channels() + kTestBatch - 1) / kTestBatch);
  }
  NetworkBatch validation(int64_t index) const override {
    return batch_of(
        task_, window_places(task_, task_.validation(), static_cast<size_t>(index) * kTestBatch, kTestBatch), true);
  }
  std::string identity() const override {
    return fmt::format("{} values of {} channels to {}", task_.look_back, task_.num_channels(), task_.horizon);
  }

 private:
  const SeriesTask& task_;
  float noise_;
  uint64_t seed_;
  mutable std::vector<size_t> order_;  // of the training windows, in epoch_
  mutable int64_t epoch_ = -1;
};

NetworkBatch SeriesBatches::training(int64_t epoch, int64_t step) const {
  if (epoch != epoch_) {
    Rng rng(seed_, static_cast<uint64_t>(epoch));
    for (size_t i = 0; i < order_.size(); ++i) order_[i] = i;
    for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[rng.below(i)]);
    epoch_ = epoch;
  }
  WindowPlaces places;
  const size_t first = static_cast<size_t>(step) * kBatch;
  for (size_t i = first; i < std::min(first + kBatch, order_.size()); ++i)
    places.push_back(place_of(task_, task_.training(), order_[i]));
  NetworkBatch batch = batch_of(task_, places, true);
  Rng rng(seed_ + 1, static_cast<uint64_t>(epoch * steps_per_epoch() + step));
  for (size_t w = 0; w < places.size(); ++w)
    for (size_t i = 0; i < task_.look_back; ++i) batch.cells.row(static_cast<int64_t>(w))[i] += noise_ * rng.normal();
  return batch;
}

// The linear map from a window to its targets becomes `matrix`, [look_back][horizon].
void begin_with(Network& network, const SeriesTask& task, const std::vector<double>& matrix) {
  for (Param* param : network.params()) {
    if (param->name != "direct") continue;
    float* to = param->weight.value().f32();
    for (size_t h = 0; h < task.horizon; ++h)
      for (size_t i = 0; i < task.look_back; ++i)
        to[h * (task.look_back + 1) + i] = static_cast<float>(matrix[i * task.horizon + h]);
    param->weight.changed();
    return;
  }
  HADAL_CHECK(false, "a network without a direct map");
}

// Sums of errors in the series' own units.
struct Errors {
  double squared = 0, absolute = 0;
  int64_t count = 0;
  void add(double error) { squared += error * error, absolute += std::fabs(error), ++count; }
  Quality quality() const {
    Quality q;
    q.mse = squared / static_cast<double>(count), q.mae = absolute / static_cast<double>(count);
    return q;
  }
};

// errors: one of each network, then that of their mean.
void judge_batch(const SeriesTask& task, const WindowPlaces& places,
                 const std::vector<std::unique_ptr<Network>>& networks, std::vector<Errors>& errors) {
  Context ctx;
  ctx.precision = Precision::f32;
  const NetworkBatch batch = batch_of(task, places, false);
  std::vector<Tensor> outs;
  for (const auto& network : networks) outs.push_back(network->forward(ctx, batch));
  for (size_t w = 0; w < places.size(); ++w) {
    const auto [mean, deviation] = window_units(places[w] - task.look_back, task.look_back);
    for (size_t h = 0; h < task.horizon; ++h) {
      double sum = 0;
      for (size_t k = 0; k < outs.size(); ++k) {
        const double forecast = mean + deviation * double{outs[k].f32()[w * task.horizon + h]};
        errors[k].add(forecast - places[w][h]);
        sum += forecast;
      }
      errors.back().add(sum / static_cast<double>(outs.size()) - places[w][h]);
    }
  }
}

std::unique_ptr<Network> train_one(const SeriesTask& task, const ForecastSpec& spec, int64_t seed,
                                   const std::vector<double>& matrix, const TrainOptions& options) {
  NetworkShape shape{.kind = spec.kind,
                     .features = static_cast<int64_t>(task.look_back),
                     .outputs = static_cast<int64_t>(task.horizon)};
  shape.width = spec.network.width, shape.layers = spec.network.layers;
  auto network = make_network(shape, static_cast<uint64_t>(seed));
  begin_with(*network, task, matrix);
  FitRun run;
  if (!options.checkpoints.empty())
    run.folder = options.checkpoints / fmt::format("{}-{:016x}", seed, mix(fnv1a(options.key)));
  run.resume = options.resume, run.stop = options.stop;
  run.who = fmt::format("{}: seed {}", task.who, seed);
  // What the penalty of a ridge amounts to (Bishop 1995), so that the linear map stays one.
  const double noise = std::sqrt(spec.penalty / static_cast<double>(task.training().size() * task.num_channels()));
  const NetworkFit fit =
      train_network(*network, SeriesBatches(task, noise, static_cast<uint64_t>(seed)), spec.network, run);
  if (options.progress)
    options.progress(
        fmt::format("seed {}: epoch {} of {} was the best on the validation rows", seed, fit.best, fit.epochs));
  return network;
}

}  // namespace

SeriesNetworks judge_series_networks(const SeriesTask& task, const ForecastSpec& spec, const TrainOptions& options) {
  const std::vector<double> matrix = fit_normal_ridge(task, spec.penalty);
  std::vector<std::unique_ptr<Network>> networks;
  for (const int64_t seed : spec.seeds) networks.push_back(train_one(task, spec, seed, matrix, options));
  std::vector<Errors> errors(networks.size() + 1);
  const size_t count = task.test().size() * task.num_channels();
  for (size_t first = 0; first < count; first += kTestBatch)
    judge_batch(task, window_places(task, task.test(), first, kTestBatch), networks, errors);
  SeriesNetworks result{errors.back().quality(), {}};
  for (size_t k = 0; k < networks.size(); ++k) result.by_seed.emplace_back(spec.seeds[k], errors[k].quality());
  return result;
}

}  // namespace hadal::market::forecast
