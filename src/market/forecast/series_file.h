// A CSV file of channels over time: one column of times, all others numbers.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"

namespace hadal::market::forecast {

struct SeriesFile {
  std::vector<std::string> channels;  // their names
  std::vector<std::string> times;     // as they stand in the file
  std::vector<double> values;         // [channel][row]
  size_t num_rows() const { return times.size(); }
  const double* channel(size_t index) const { return values.data() + index * num_rows(); }
};

// The first `num_rows` rows, which must be there. Error (file:line) for a column, a number or a row that is wrong.
SeriesFile read_series(const Path& file, const std::string& time_column, size_t num_rows);

}  // namespace hadal::market::forecast
