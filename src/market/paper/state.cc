// What of a paper account can be read without running it.
#include <algorithm>

#include "base/command.h"
#include "base/error.h"
#include "market/paper.h"
#include "market/paper/feed.h"
#include "market/training.h"

namespace hadal::market {

OrderedJson PaperCounts::json() const {
  return {{"lines", lines}, {"repeated", repeated}, {"restated", restated},
          {"late", late},   {"broken", broken},     {"unknown", unknown}};
}

OrderedJson PaperRun::json() const {
  OrderedJson json = BacktestRun::json();
  json["feed"] = feed.json();
  json["finished"] = finished;
  return json;
}

Path paper_folder(const StrategyFile& strategy) { return Path("runs/paper") / run_stem(strategy); }

void check_feed(const std::string& feed) { (void)paper::port_of_feed(feed); }

std::vector<std::string> paper_names() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("runs/paper", none))
    if (std::filesystem::exists(entry.path() / "status.json", none)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

OrderedJson read_paper_status(const Path& state) {
  const Path file = state / "status.json";
  if (!std::filesystem::exists(file))
    fail("{}: expected the state of a paper account, found no status.json; begin one with: {}", state.string(),
         command({"market", "paper", "STRATEGY.toml", "--feed", "FILE"}));
  return parse_ordered_json(read_file(file, 64 << 20), file.string());
}

}  // namespace hadal::market
