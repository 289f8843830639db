// The samples of some parts of a window as floats, block by block.
#pragma once

#include <vector>

#include "market/forecast/samples.h"

namespace hadal::market::forecast {

inline constexpr size_t kSampleRows = 64;  // of the panel, at a time

// Appends a sample's features as floats, or nothing (false) where all are missing. Values beyond what a float holds are
// cut off at it.
bool pack_features(const double* features, size_t width, std::vector<float>& out);

// Samples with a label and at least one feature, in the order of rows and instruments.
class SampleBlocks {
 public:
  SampleBlocks(const Samples& samples, std::vector<RowRange> parts) : samples_(samples), parts_(std::move(parts)) {}

  bool next();  // false: there is no further one
  void restart() { part_ = 0, row_ = 0; }
  size_t width() const { return samples_.num_features(); }
  const std::vector<float>& features() const { return packed_; }  // [samples of the block][width]
  const std::vector<double>& labels() const { return labels_; }   // of them

 private:
  RowRange take_rows();

  const Samples& samples_;
  std::vector<RowRange> parts_;
  size_t part_ = 0, row_ = 0;  // row: from the part's first one
  std::vector<double> values_, labels_;
  std::vector<float> packed_;
};

}  // namespace hadal::market::forecast
