#include <algorithm>

#include "market/forecast/panel_batches.h"

namespace hadal::market::forecast {
namespace {

constexpr size_t kPredictRows = 16;

class NetworkForecaster : public Forecaster {
 public:
  NetworkForecaster(const ForecastSpec& spec, size_t first_row, std::string who)
      : kind_(spec.kind), spec_(spec.network), first_row_(first_row), who_(std::move(who)) {}
  bool uses_features() const override { return true; }
  bool uses_seed() const override { return true; }
  bool needs_validation() const override { return true; }
  bool predicts_label() const override { return spec_.loss == "mse"; }
  void fit(const Samples& samples, int64_t seed, const FitRun& run) override;
  void predict(const Samples& samples, RowRange rows, double* out) override;

 private:
  std::string kind_;
  NetworkSpec spec_;
  size_t first_row_;  // that may be read
  std::string who_;
  std::unique_ptr<Network> network_;
  std::vector<std::string> features_;  // that it was fitted on
  std::vector<int64_t> places_;
};

void NetworkForecaster::fit(const Samples& samples, int64_t seed, const FitRun& run) {
  const PanelBatches batches(samples, first_row_, spec_, kind_ == "transformer", static_cast<uint64_t>(seed), who_);
  NetworkShape shape{.kind = kind_, .features = static_cast<int64_t>(samples.num_features())};
  shape.instruments = batches.num_places();
  shape.look_back = spec_.look_back, shape.width = spec_.width, shape.layers = spec_.layers, shape.heads = spec_.heads;
  network_ = make_network(shape, static_cast<uint64_t>(seed));
  features_ = samples.source().features();
  places_ = batches.places();
  train_network(*network_, batches, spec_, run);
}

void NetworkForecaster::predict(const Samples& samples, RowRange rows, double* out) {
  const std::vector<std::string>& features = samples.source().features();
  if (!network_ || features != features_ || samples.num_instruments() != places_.size()) {
    fail("{}: expected the {} factors and {} instruments that the {} was trained on, found {} and {}; train it again",
         who_, features_.size(), places_.size(), kind_, features.size(), samples.num_instruments());
  }
  const size_t n = samples.num_instruments(), back = static_cast<size_t>(spec_.look_back) - 1;
  std::fill_n(out, rows.size() * n, kMissing);
  Context ctx;
  ctx.precision = Precision::f32;
  const Cells cells(samples, {rows.first - std::min(rows.first - std::min(rows.first, first_row_), back), rows.last});
  for (size_t first = rows.first; first < rows.last; first += kPredictRows) {
    std::vector<size_t> where;
    const RowRange part{first, std::min(first + kPredictRows, rows.last)};
    const NetworkBatch batch = batch_of(cells, part, spec_.look_back, places_, &where);
    if (batch.num_windows() == 0) continue;
    const Tensor forecasts = network_->forward(ctx, batch);
    for (size_t w = 0; w < where.size(); ++w) out[(first - rows.first) * n + where[w]] = double{forecasts.f32()[w]};
  }
}

}  // namespace

std::unique_ptr<Forecaster> make_network_forecaster(const ForecastSpec& spec, size_t first_row,
                                                    const std::string& who) {
  return std::make_unique<NetworkForecaster>(spec, first_row, who);
}

}  // namespace hadal::market::forecast
