// The figures that runs leave in metrics.jsonl, as plots over the steps.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "rl/plot.h"

namespace hadal::rl {

struct RunMetrics {
  std::string name;  // in the legend; "": none
  Path file;         // metrics.jsonl
};
// A plot for each of `figures` ("train/reward") that some of the runs has, with a curve a run. Lines that cannot be
// read, as a killed process leaves one, are skipped. Error where a file cannot be read.
std::vector<Plot> plots_of(std::span<const RunMetrics> runs, std::span<const std::string> figures);

// curves.svg in the folder of a run of reinforcement learning: reward, pass@1, length of the thoughts, entropy, dropped
// groups and clip share, as far as its metrics.jsonl has them; nothing where it has none.
void write_run_curves(const Path& run, std::string_view title);

}  // namespace hadal::rl
