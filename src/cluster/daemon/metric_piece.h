// A piece of a run's metrics.jsonl, read and taken apart: what takes long, and needs neither the daemon's memory nor
// its lock. What the lines mean for the run is said by metrics.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "cluster/store.h"

namespace hadal::cluster {

struct MetricLine {
  std::optional<int64_t> attempt, step;
  std::vector<std::pair<std::string, double>> values;  // by "a/b" of {"a": {"b": 1}}
};
std::optional<MetricLine> metric_line(std::string_view text);  // none: it is no JSON object

struct MetricPiece {
  MetricsTail before, after;  // how far the file was read; of its counts `after` has all but left_out
  bool to_its_end = false;    // of a run that ended: the last line may lack its end
  bool anew = false;          // the file is another than before
  int64_t bytes = 0;
  std::vector<MetricLine> lines = {};
};
// What stands in the file behind `tail`, at most 1 MiB, or 32 to its end. None: nothing new, or no file.
std::optional<MetricPiece> read_metric_piece(const Path& run_folder, const MetricsTail& tail, bool to_its_end);

}  // namespace hadal::cluster
