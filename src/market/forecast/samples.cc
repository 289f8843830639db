#include "market/forecast/samples.h"

#include <algorithm>

#include "base/threads.h"

namespace hadal::market::forecast {
namespace {

constexpr size_t kBlockRows = 32;

std::vector<uint32_t> present_at(const Panel& panel, size_t row) {
  std::vector<uint32_t> present;
  for (size_t i = 0; i < panel.num_instruments(); ++i)
    if (is_there(panel, row, i)) present.push_back(static_cast<uint32_t>(i));
  return present;
}

}  // namespace

bool is_there(const Panel& panel, size_t row, size_t instrument) {
  return panel.has_bar(row, instrument) && panel.member[panel.at(row, instrument)];
}

Samples::Samples(const FeatureSource& source, const ProcessSpec& process, Window window, bool with_features, bool purge)
    : source_(source),
      window_(std::move(window)),
      labels_(source.labels().size(), kMissing),
      purged_(source.panel().num_times(), 0) {
  const std::vector<Step> label_steps = steps_of(process.label);
  for (const RowRange& part : window_.train) find_samples(part, true, purge);
  find_samples(window_.valid, false, purge);
  for (const RowRange& part : window_.train) process_labels(part, label_steps);
  process_labels(window_.valid, label_steps);
  if (!with_features) return;
  steps_ = steps_of(process.features);
  for (size_t i = 0; i < steps_.size(); ++i)
    if (steps_[i].has_state()) fit_step(i);
}

void Samples::find_samples(RowRange part, bool training, bool purge) {
  const Panel& panel = source_.panel();
  Date last_purged = 0;
  bool any = false;
  for (size_t row = part.first; row < part.last; ++row) {
    for (size_t i = 0; i < panel.num_instruments(); ++i) {
      const size_t at = panel.at(row, i);
      if (!is_there(panel, row, i) || std::isnan(source_.labels()[at])) continue;
      if (purge && source_.label_ends()[at] >= part.last) {
        purged_[row] = 1;
        continue;
      }
      labels_[at] = source_.labels()[at];
      num_rows_ += training;
    }
    if (!training || !purged_[row] || (any && last_purged == panel.sessions[row])) continue;
    last_purged = panel.sessions[row], any = true;
    ++purged_sessions_;
  }
}

void Samples::process_labels(RowRange part, const std::vector<Step>& steps) {
  const size_t n = num_instruments();
  for (size_t row = part.first; row < part.last; ++row)
    for (const Step& step : steps) apply(step, 0, std::span(labels_).subspan(row * n, n));
}

void Samples::process_rows(RowRange rows, size_t num_steps, std::vector<double>& out) const {
  const Panel& panel = source_.panel();
  const size_t n = num_instruments(), width = num_features();
  source_.read(rows, out);
  HADAL_CHECK(out.size() == rows.size() * n * width, "{} values of {} rows", out.size(), rows.size());
  ThreadPool::shared().parallel_for(static_cast<int64_t>(rows.size()), [&](int64_t index, int) {
    double* row = out.data() + static_cast<size_t>(index) * n * width;
    const std::vector<uint32_t> present = present_at(panel, rows.first + static_cast<size_t>(index));
    std::vector<double> column(present.size());
    for (size_t feature = 0; feature < width; ++feature) {
      for (size_t k = 0; k < present.size(); ++k) column[k] = row[present[k] * width + feature];
      for (size_t step = 0; step < num_steps; ++step) apply(steps_[step], feature, column);
      for (size_t k = 0; k < present.size(); ++k) row[present[k] * width + feature] = column[k];
    }
    for (size_t i = 0, k = 0; i < n; ++i) {
      if (k < present.size() && present[k] == i)
        ++k;
      else
        std::fill_n(row + i * width, width, kMissing);
    }
  });
}

void Samples::fit_step(size_t index) {
  const size_t n = num_instruments(), width = num_features();
  std::vector<std::vector<double>> values(width);
  std::vector<double> block;
  for (const RowRange& part : window_.train) {
    for (size_t first = part.first; first < part.last; first += kBlockRows) {
      const RowRange rows{first, std::min(first + kBlockRows, part.last)};
      process_rows(rows, index, block);
      for (size_t cell = 0; cell < rows.size() * n; ++cell) {
        if (std::isnan(labels_[rows.first * n + cell])) continue;
        for (size_t feature = 0; feature < width; ++feature) values[feature].push_back(block[cell * width + feature]);
      }
    }
  }
  stateful_ = true;
  for (size_t feature = 0; feature < width; ++feature) fit(steps_[index], feature, values[feature]);
}

}  // namespace hadal::market::forecast
