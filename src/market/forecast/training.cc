#include "market/training.h"

#include <cctype>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "market/factor_source.h"

namespace hadal::market {
namespace {

constexpr const char* kLock = "lock";  // as FolderLock names it

std::string key_of(const std::string& strategy_hash, const std::string& data_hash) {
  return strategy_hash + " " + data_hash;
}

// A name that needs no quotes in a shell and shows as it is.
std::string plain_name(std::string_view text) {
  constexpr size_t kMost = 80;
  std::string name;
  for (const char c : text.substr(0, kMost)) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
    if (plain && !(name.empty() && (c == '-' || c == '.')))
      name += c;
    else if (!name.ends_with('_'))
      name += '_';
  }
  return name.empty() ? "strategy" : name;
}

// What is finished needs none; where they cannot be deleted they do no harm.
void drop_checkpoints(const Path& folder) {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

void write_run(const StrategyFile& strategy, const Training& training) {
  std::filesystem::create_directories(training.run);
  write_file_whole(training.run / "strategy.toml", strategy.text);
  write_file_whole(training.run / "forecast.json", dump_json(training.forecast, 1) + "\n");
}

bool take_what_is_there(Training& training) {
  const Path json = training.run / "forecast.json", scores = training.run / "scores.csv";
  if (!std::filesystem::exists(json) || !std::filesystem::exists(scores)) return false;
  training.forecast = parse_ordered_json(read_file(json, 64 << 20), json.string());
  training.scores = read_scores(training.source->panel(), scores);
  training.was_trained = true;
  return true;
}

}  // namespace

std::string run_suffix(const std::string& strategy_hash, const std::string& data_hash) {
  return fmt::format("-{:08x}", mix(fnv1a(key_of(strategy_hash, data_hash))) >> 32);
}

Path run_folder(const StrategyFile& strategy, const std::string& data_hash) {
  return Path("runs") / (run_stem(strategy) + run_suffix(strategy.hash(), data_hash));
}

std::string run_stem(const StrategyFile& strategy) { return plain_name(strategy.file.stem().string()); }

RunLock::RunLock(Path folder) : folder_(std::move(folder)) {
  for (int tries = 0;; ++tries) {
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    if (error) fail("{}: this folder cannot be made: {}", folder_.string(), error.message());
    try {
      lock_.emplace(folder_, "another backtest or training works in this folder",
                    "wait until it has ended; nothing was changed");
      return;
    } catch (const Error&) {  // another one may just have removed it, empty
      if (tries == 10 || std::filesystem::exists(folder_)) throw;
    }
  }
}

RunLock::~RunLock() {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored))
    if (entry.path().filename() != kLock) return;
  std::filesystem::remove(folder_ / kLock, ignored);
  std::filesystem::remove(folder_, ignored);  // stays where another one has just written into it
}

Training train_run(const StrategyFile& strategy, const Market& market, TrainOptions options, bool reuse) {
  const Query query = query_of(strategy);
  check_frequency(strategy, market);
  Training training;
  training.data_hash = market.data_hash(query);
  training.run = run_folder(strategy, training.data_hash);
  training.held = std::make_shared<RunLock>(training.run);
  training.source = make_factor_source(strategy, market.panel(query));
  const Panel& panel = training.source->panel();
  if (!strategy.forecast) {
    training.scores = factor_scores(strategy, *training.source);
    return training;
  }
  if (reuse && take_what_is_there(training)) return training;
  options.checkpoints = training.run / "windows";
  options.key = key_of(strategy.hash(), training.data_hash);
  ForecastResult result = train(strategy, *training.source, options);
  training.forecast = to_json(result, training.run.string());
  std::filesystem::create_directories(training.run);
  write_scores(result, panel, strategy.forecast->seeds, training.run / "scores.csv");
  write_run(strategy, training);
  drop_checkpoints(options.checkpoints);
  training.scores = std::move(result.scores);
  return training;
}

OrderedJson train_series_run(const StrategyFile& strategy, TrainOptions options) {
  Training training;
  training.data_hash = fmt::format("{:016x}", fnv1a(read_file(strategy.series->file)));
  training.run = run_folder(strategy, training.data_hash);
  training.held = std::make_shared<RunLock>(training.run);
  options.checkpoints = training.run / "windows";
  options.key = key_of(strategy.hash(), training.data_hash);
  training.forecast = to_json(train_series(strategy, options), training.run.string());
  write_run(strategy, training);
  drop_checkpoints(options.checkpoints);
  return training.forecast;
}

}  // namespace hadal::market
