// How do runs compare? Usage: plot_runs OUT.svg TITLE FIGURE[,FIGURE...]
// NAME=METRICS.jsonl...   A plot for each figure
// ("train/reward,train/entropy"), a curve for each run: the plots in docs/.
#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "rl/plot.h"
#include "rl/run_curves.h"

namespace {

using namespace hadal;

int run(int argc, char** argv) {
  if (argc < 5)
    fail(
        "plot_runs: expected OUT.svg TITLE FIGURE[,FIGURE...] "
        "NAME=METRICS.jsonl...");
  std::vector<rl::RunMetrics> runs;
  for (int i = 4; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) fail("plot_runs: expected NAME=METRICS.jsonl, found \"{}\"", argument);
    runs.push_back({argument.substr(0, equals), argument.substr(equals + 1)});
  }
  const std::vector<std::string> figures = split(argv[3], ',');
  const std::vector<rl::Plot> plots = rl::plots_of(runs, figures);
  if (plots.empty()) fail("plot_runs: none of the runs has a figure \"{}\"", argv[3]);
  write_file_whole(argv[1], rl::svg_of(argv[2], plots));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
