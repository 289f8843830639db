// What a window's forecaster said, kept in a file until the whole training is done.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/files.h"

namespace hadal::market::forecast {

struct Checkpoint {
  std::vector<std::vector<double>> forecasts;  // [seed][row of the test parts x instrument]
  double squared = 0, absolute = 0;            // sums of errors against the processed labels
  int64_t compared = 0, rows = 0, purged = 0;
};

// `key` says of what: a strategy, its data, and the window.
void save_checkpoint(const Path& file, const std::string& key, const Checkpoint& checkpoint);
// Nothing where there is none, or one of another key, or a damaged one.
std::optional<Checkpoint> load_checkpoint(const Path& file, const std::string& key);

}  // namespace hadal::market::forecast
