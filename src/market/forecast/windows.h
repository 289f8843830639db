// Which rows a forecaster is fitted on and which it is tested on.
#pragma once

#include <vector>

#include "market/forecast.h"

namespace hadal::market::forecast {

struct Window {
  std::vector<RowRange> train;  // more than one only between combinatorial folds
  RowRange valid;               // empty where it was joined to the training part
  std::vector<RowRange> test;
};

// The first row of each session within `rows`, and rows.last at the end.
std::vector<size_t> session_starts(const Panel& panel, RowRange rows);

// `starts` as session_starts() gives them. `join` puts the validation part into the training part. Throws Error that
// says how many sessions it takes.
std::vector<Window> make_windows(const ForecastSpec& spec, const std::vector<size_t>& starts, bool join,
                                 const std::string& who);

}  // namespace hadal::market::forecast
