#include "rl/run_curves.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/json.h"

namespace hadal::rl {
namespace {

// The lines that are objects with a step.
std::vector<Json> lines_of(const Path& file) {
  std::vector<Json> lines;
  for_each_line(file, [&](std::string_view line, int64_t) {
    try {
      Json json = parse_json(line, "a line");
      if (json.is_object() && json.contains("step") && json["step"].is_number()) lines.push_back(std::move(json));
    } catch (const Error&) {  // cut short
    }
    return true;
  });
  return lines;
}

// null, which stands for what is not finite, is a gap.
Series series_of(const std::string& name, const std::vector<Json>& lines, const std::string& figure) {
  Series series{name};
  for (const Json& line : lines) {
    const auto found = line.find(figure);
    if (found == line.end()) continue;
    const double value = found->is_number() ? found->get<double>() : std::numeric_limits<double>::quiet_NaN();
    series.points.emplace_back(line["step"].get<double>(), value);
  }
  return series;
}

}  // namespace

std::vector<Plot> plots_of(std::span<const RunMetrics> runs, std::span<const std::string> figures) {
  std::vector<std::vector<Json>> lines;
  for (const RunMetrics& run : runs) lines.push_back(lines_of(run.file));
  std::vector<Plot> plots;
  for (const std::string& figure : figures) {
    Plot plot{.title = figure.substr(figure.find('/') + 1), .x_name = "step", .y_name = "", .series = {}};
    for (size_t i = 0; i < runs.size(); ++i) plot.series.push_back(series_of(runs[i].name, lines[i], figure));
    if (std::ranges::any_of(plot.series, [](const Series& series) { return !series.points.empty(); }))
      plots.push_back(std::move(plot));
  }
  return plots;
}

void write_run_curves(const Path& run, std::string_view title) {
  static const std::vector<std::string> kFigures = {"train/reward",  "train/pass@1",         "train/think_tokens",
                                                    "train/entropy", "train/dropped_groups", "train/clip_share"};
  const RunMetrics metrics{"", run / "metrics.jsonl"};
  if (!std::filesystem::exists(metrics.file)) return;
  const std::vector<Plot> plots = plots_of({&metrics, 1}, kFigures);
  if (!plots.empty()) write_file_whole(run / "curves.svg", svg_of(title, plots));
}

}  // namespace hadal::rl
