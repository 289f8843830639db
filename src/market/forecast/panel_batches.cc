#include "market/forecast/panel_batches.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace hadal::market::forecast {
namespace {

constexpr size_t kReadRows = 32, kStepWindows = 512;

RowRange rows_seen(const Window& window, size_t first_row, size_t look_back) {
  const size_t first = window.train.front().first, back = std::min(first - std::min(first, first_row), look_back - 1);
  return {first - back, std::max(window.train.back().last, window.valid.last)};
}

// [cells + 1, width + 1]: those that are there in `rows`, a 1 behind each; and the absent one. `index`: of each cell.
Tensor tensor_of(const Cells& cells, RowRange rows, std::vector<int64_t>& index) {
  const size_t n = cells.num_instruments(), width = cells.width();
  index.assign(rows.size() * n, -1);
  int64_t count = 0;
  for (size_t k = 0; k < index.size(); ++k)
    if (cells.there(rows.first + k / n, k % n)) index[k] = count++;
  Tensor tensor = Tensor::zeros({count + 1, static_cast<int64_t>(width) + 1});
  for (size_t k = 0; k < index.size(); ++k) {
    if (index[k] < 0) {
      index[k] = count;
      continue;
    }
    std::copy_n(cells.values(rows.first + k / n, k % n), width, tensor.row(index[k]));
    tensor.row(index[k])[width] = 1;
  }
  return tensor;
}

// To the features of the cells that are there, uniform with this deviation. For a linear map and a squared error that
// is ridge regression with the penalty deviation^2 a sample (Bishop 1995, "Training with noise is equivalent to
// Tikhonov regularization").
void add_noise(const Tensor& cells, double deviation, Rng& rng) {
  if (deviation == 0) return;
  const double range = deviation * std::sqrt(12.0);
  for (int64_t r = 0; r + 1 < cells.rows(); ++r)
    for (int64_t c = 0; c + 1 < cells.cols(); ++c) cells.row(r)[c] += static_cast<float>(range * (rng.uniform() - 0.5));
}

}  // namespace

Cells::Cells(const Samples& samples, RowRange rows)
    : rows_(rows), num_instruments_(samples.num_instruments()), width_(samples.num_features()) {
  values_.resize(rows.size() * num_instruments_ * width_);
  there_.assign(rows.size() * num_instruments_, 0);
  const Panel& panel = samples.source().panel();
  std::vector<double> block;
  for (size_t first = rows.first; first < rows.last; first += kReadRows) {
    const RowRange part{first, std::min(first + kReadRows, rows.last)};
    samples.features(part, block);
    for (size_t k = 0; k < part.size() * num_instruments_; ++k) {
      const size_t row = first + k / num_instruments_, i = k % num_instruments_;
      const double* from = block.data() + k * width_;
      if (!is_there(panel, row, i) || !std::all_of(from, from + width_, [](double v) { return std::isfinite(v); }))
        continue;
      there_[at(row, i)] = 1;
      std::copy_n(from, width_, values_.data() + at(row, i) * width_);
    }
  }
}

NetworkBatch batch_of(const Cells& cells, RowRange rows, int64_t look_back, const std::vector<int64_t>& places,
                      std::vector<size_t>* where) {
  const size_t n = cells.num_instruments(), back = static_cast<size_t>(look_back) - 1;
  const RowRange seen{rows.first - std::min(rows.first - cells.rows().first, back), rows.last};
  NetworkBatch batch;
  std::vector<int64_t> index;
  batch.cells = tensor_of(cells, seen, index);
  const int64_t absent = batch.cells.rows() - 1;
  batch.groups.push_back(0);
  for (size_t row = rows.first; row < rows.last; ++row) {
    for (size_t i = 0; i < n; ++i) {
      if (!cells.there(row, i)) continue;
      for (size_t k = 0; k <= back; ++k) {
        const bool held = row + k >= seen.first + back;
        batch.windows.push_back(held ? index[(row + k - back - seen.first) * n + i] : absent);
      }
      batch.places.push_back(places[i]);
      if (where != nullptr) where->push_back((row - rows.first) * n + i);
    }
    if (static_cast<int32_t>(batch.places.size()) > batch.groups.back())
      batch.groups.push_back(static_cast<int32_t>(batch.places.size()));
  }
  return batch;
}

PanelBatches::PanelBatches(const Samples& samples, size_t first_row, const NetworkSpec& spec, bool every_position,
                           uint64_t seed, const std::string& who)
    : samples_(samples),
      cells_(samples, rows_seen(samples.window(), first_row, static_cast<size_t>(spec.look_back))),
      look_back_(static_cast<size_t>(spec.look_back)),
      every_position_(every_position),
      seed_(seed),
      noise_(spec.noise),
      places_(samples.num_instruments(), -1) {
  size_t count = 0, num_rows = 0;
  for (const RowRange& part : samples.window().train) {
    num_rows += part.size();
    for (size_t row = part.first; row < part.last; ++row) {
      for (size_t i = 0; i < places_.size(); ++i) {
        if (std::isnan(samples.label(row, i)) || !cells_.there(row, i)) continue;
        places_[i] = 0;
        ++count;
      }
    }
  }
  if (count == 0) {
    fail(
        "{}: expected samples with a label and all features, found none in a training part; add \"fill_zero\" to "
        "[process] features, or take an earlier start",
        who);
  }
  for (int64_t& place : places_)
    if (place == 0) place = num_places_++;
  step_rows_ = every_position ? look_back_ : std::clamp<size_t>(kStepWindows * num_rows / count, 1, 64);
}

// A part's steps begin anywhere, so that no two rows always stand together: one more than fit, perhaps an empty one.
int64_t PanelBatches::steps_per_epoch() const {
  size_t steps = 0;
  for (const RowRange& part : samples_.window().train) steps += (part.size() + 2 * step_rows_ - 2) / step_rows_;
  return static_cast<int64_t>(steps);
}

NetworkBatch PanelBatches::training(int64_t epoch, int64_t step) const {
  Rng rng(seed_, static_cast<uint64_t>(epoch) + 1);
  std::vector<RowRange> steps;
  for (const RowRange& part : samples_.window().train) {
    const size_t count = (part.size() + 2 * step_rows_ - 2) / step_rows_, early = rng.below(step_rows_);
    for (size_t k = 0; k < count; ++k) {  // from part.first - early on
      const auto row = [&](size_t steps_before) {
        return std::clamp(part.first + steps_before * step_rows_, part.first + early, part.last + early) - early;
      };
      steps.push_back({row(k), row(k + 1)});
    }
  }
  for (size_t k = steps.size(); k > 1; --k) std::swap(steps[k - 1], steps[rng.below(k)]);
  const RowRange rows = steps.at(static_cast<size_t>(step));
  NetworkBatch batch = every_position_ ? every_position(rows) : with_targets(rows);
  Rng noise(rng.next(), static_cast<uint64_t>(step));
  add_noise(batch.cells, noise_, noise);
  return batch;
}

NetworkBatch PanelBatches::with_targets(RowRange rows) const {
  std::vector<size_t> where;
  NetworkBatch batch = batch_of(cells_, rows, static_cast<int64_t>(look_back_), places_, &where);
  const size_t n = samples_.num_instruments();
  for (const size_t at : where)
    batch.targets.push_back(static_cast<float>(samples_.label(rows.first + at / n, at % n)));
  batch.target_groups = batch.groups;
  return batch;
}

// One window for each instrument, that ends with the rows' last one. Outputs are asked for time by time.
NetworkBatch PanelBatches::every_position(RowRange rows) const {
  const size_t n = samples_.num_instruments(), missing = look_back_ - rows.size();
  NetworkBatch batch;
  std::vector<int64_t> index, number(rows.size() * n, -1);
  batch.cells = tensor_of(cells_, rows, index);
  const int64_t absent = batch.cells.rows() - 1;
  int64_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    const int64_t before = count;
    for (size_t k = 0; k < rows.size(); ++k)
      if (cells_.there(rows.first + k, i)) number[k * n + i] = count++;
    if (count == before) continue;
    batch.windows.insert(batch.windows.end(), missing, absent);
    for (size_t k = 0; k < rows.size(); ++k) batch.windows.push_back(index[k * n + i]);
    batch.places.push_back(-1);
  }
  batch.groups = {0, static_cast<int32_t>(batch.places.size())};
  batch.target_groups.push_back(0);
  for (size_t k = 0; k < rows.size(); ++k) {
    for (size_t i = 0; i < n; ++i) {
      if (number[k * n + i] < 0) continue;
      batch.positions.push_back(number[k * n + i]);
      batch.targets.push_back(static_cast<float>(samples_.label(rows.first + k, i)));
    }
    batch.target_groups.push_back(static_cast<int32_t>(batch.positions.size()));
  }
  return batch;
}

int64_t PanelBatches::num_validation() const {
  return static_cast<int64_t>((samples_.window().valid.size() + step_rows_ - 1) / step_rows_);
}

NetworkBatch PanelBatches::validation(int64_t index) const {
  const RowRange& valid = samples_.window().valid;
  const size_t first = valid.first + static_cast<size_t>(index) * step_rows_;
  return with_targets({first, std::min(first + step_rows_, valid.last)});
}

std::string PanelBatches::identity() const {
  std::string names;
  for (const auto& name : samples_.source().features()) names += (names.empty() ? "" : ", ") + name;
  return fmt::format("{} features ({}), {} instruments", cells_.width(), names, num_places_);
}

}  // namespace hadal::market::forecast
