// What a network sees of a panel: windows of an instrument's last `look_back` rows, as f32. What is absent (no bar, not
// in the universe, or a feature missing) is masked. The batches of a window are the same whatever instruments the panel
// has beside those with a bar in it.
#pragma once

#include "market/forecast/network_training.h"

namespace hadal::market::forecast {

// Processed features of the rows, and which cells are there.
class Cells {
 public:
  Cells(const Samples& samples, RowRange rows);
  RowRange rows() const { return rows_; }
  size_t num_instruments() const { return num_instruments_; }
  size_t width() const { return width_; }
  bool there(size_t row, size_t instrument) const { return rows_.holds(row) && there_[at(row, instrument)] != 0; }
  const float* values(size_t row, size_t instrument) const { return values_.data() + at(row, instrument) * width_; }

 private:
  size_t at(size_t row, size_t instrument) const { return (row - rows_.first) * num_instruments_ + instrument; }
  RowRange rows_;
  size_t num_instruments_, width_;
  std::vector<float> values_;
  std::vector<char> there_;
};

// A window for each instrument that is there at each of the rows, in their order; without targets. `places`: of each
// instrument, or -1. `where`, if not null, gets [row - rows.first][instrument] of each window as one index.
NetworkBatch batch_of(const Cells& cells, RowRange rows, int64_t look_back, const std::vector<int64_t>& places,
                      std::vector<size_t>* where);

class PanelBatches : public BatchSource {
 public:
  // Error naming `who` where the training part has no sample.
  PanelBatches(const Samples& samples, size_t first_row, const NetworkSpec& spec, bool every_position, uint64_t seed,
               const std::string& who);
  // Of each instrument with a sample in the training part its place, else -1.
  const std::vector<int64_t>& places() const { return places_; }
  int64_t num_places() const { return num_places_; }

  int64_t steps_per_epoch() const override;
  NetworkBatch training(int64_t epoch, int64_t step) const override;
  int64_t num_validation() const override;
  NetworkBatch validation(int64_t index) const override;
  std::string identity() const override;

 private:
  NetworkBatch with_targets(RowRange rows) const;
  NetworkBatch every_position(RowRange rows) const;

  const Samples& samples_;
  Cells cells_;
  size_t look_back_;
  bool every_position_;
  uint64_t seed_;
  double noise_;
  std::vector<int64_t> places_;
  int64_t num_places_ = 0;
  size_t step_rows_ = 1;  // of a training step
};

}  // namespace hadal::market::forecast
