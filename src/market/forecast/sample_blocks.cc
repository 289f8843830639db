#include "market/forecast/sample_blocks.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hadal::market::forecast {

bool pack_features(const double* features, size_t width, std::vector<float>& out) {
  constexpr double kMost = std::numeric_limits<float>::max();
  if (std::all_of(features, features + width, [](double v) { return std::isnan(v); })) return false;
  for (size_t i = 0; i < width; ++i) out.push_back(static_cast<float>(std::clamp(features[i], -kMost, kMost)));
  return true;
}

RowRange SampleBlocks::take_rows() {
  while (part_ < parts_.size() && row_ >= parts_[part_].size()) ++part_, row_ = 0;
  if (part_ == parts_.size()) return {};
  const RowRange& part = parts_[part_];
  const size_t first = part.first + row_, last = std::min(first + kSampleRows, part.last);
  row_ += last - first;
  return {first, last};
}

bool SampleBlocks::next() {
  packed_.clear(), labels_.clear();
  while (labels_.empty()) {
    const RowRange rows = take_rows();
    if (rows.size() == 0) return false;
    samples_.features(rows, values_);
    const double* at = values_.data();
    for (size_t row = rows.first; row < rows.last; ++row) {
      for (size_t i = 0; i < samples_.num_instruments(); ++i, at += width()) {
        const double label = samples_.label(row, i);
        if (!std::isnan(label) && pack_features(at, width(), packed_)) labels_.push_back(label);
      }
    }
  }
  return true;
}

}  // namespace hadal::market::forecast
