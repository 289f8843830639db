// A market with random bars, splits and dividends, a strategy, and the feed that its backtest's bars would be. Works in
// a scratch folder as the current one. Tests only.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/rng.h"
#include "market/backtest_run.h"
#include "market/paper.h"
#include "market/testing/market_files.h"

namespace hadal::market::test {

inline std::string line_of(const FeedBar& bar, const std::string& symbol, const std::string& time) {
  return dump_json(OrderedJson{{"time", time},
                               {"symbol", symbol},
                               {"open", bar.open},
                               {"high", bar.high},
                               {"low", bar.low},
                               {"close", bar.close},
                               {"volume", bar.volume}});
}

inline std::string line_of(const Action& action, const std::string& symbol) {
  OrderedJson json{{"time", date_text(action.effective)}, {"symbol", symbol}};
  if (action.kind == Action::Kind::split)
    json["split"] = static_cast<double>(action.over) / static_cast<double>(action.under);
  else if (action.kind == Action::Kind::delisting)
    json["delisting"] = true;
  else
    json["dividend"] = action.amount.text();
  return dump_json(json);
}

// A session's lines: actions, bars, its end.
using FeedLines = std::vector<std::vector<std::string>>;

inline FeedLines lines_of(const Feed& feed) {
  FeedLines sessions;
  size_t action = 0, bar = 0;
  for (const Feed::Session& s : feed.sessions) {
    auto& lines = sessions.emplace_back();
    for (; action < s.actions_end; ++action)
      lines.push_back(line_of(feed.actions[action].action, feed.symbols[feed.actions[action].instrument]));
    const std::string time = feed.daily ? date_text(s.date) : time_text(s.time);
    for (; bar < s.bars_end; ++bar)
      lines.push_back(line_of(feed.bars[bar], feed.symbols[feed.bars[bar].instrument], time));
    lines.push_back(dump_json(OrderedJson{{"session_end", time}}));
  }
  return sessions;
}

inline std::string joined(const FeedLines& sessions) {
  std::string text;
  for (const auto& lines : sessions)
    for (const std::string& line : lines) text += line + "\n";
  return text;
}

class PaperRig {
 public:
  PaperRig() : before_(std::filesystem::current_path()) { std::filesystem::current_path(folder_.path()); }
  ~PaperRig() { std::filesystem::current_path(before_); }

  // Random walks on weekdays from 2014-01-01 on; some bars are not there.
  void make_market(size_t instruments, size_t sessions, uint64_t seed) {
    Rng rng(seed);
    std::string bars = "date,symbol,open,high,low,close,volume\n", splits = "date,symbol,ratio\n",
                dividends = "date,symbol,amount\n";
    std::vector<double> prices(instruments);
    for (double& price : prices) price = 20 + 80 * rng.uniform();
    Date day = date(2014, 1, 1);
    for (size_t s = 0; s < sessions; ++s, ++day) {
      while (weekday(day) > 4) ++day;
      for (size_t i = 0; i < instruments; ++i) {
        const std::string symbol = fmt::format("S{}", i);
        if (rng.uniform() < 0.02) continue;
        if (rng.uniform() < 0.01) splits += fmt::format("{},{},2\n", date_text(day), symbol), prices[i] /= 2;
        if (rng.uniform() < 0.02) dividends += fmt::format("{},{},0.35\n", date_text(day), symbol);
        const double open = prices[i], close = open * std::exp(0.02 * rng.normal());
        prices[i] = close;
        bars += fmt::format("{},{},{:.2f},{:.2f},{:.2f},{:.2f},{}\n", date_text(day), symbol, open,
                            std::max(open, close) + 0.5, std::min(open, close) - 0.5, close,
                            100'000 + static_cast<int64_t>(rng.uniform() * 900'000));
      }
    }
    folder_.import("bars.csv", bars);
    ImportOptions options;
    options.kind = "splits";
    if (std::count(splits.begin(), splits.end(), '\n') > 1) folder_.import("splits.csv", splits, options);
    options.kind = "dividends";
    if (std::count(dividends.begin(), dividends.end(), '\n') > 1) folder_.import("dividends.csv", dividends, options);
  }

  StrategyFile strategy(const std::string& name, const std::string& text) {
    return read_strategy(folder_.file(name + ".toml", "[data]\nmarket = \"./m\"\n" + text));
  }
  Path file(const std::string& name, std::string_view text) { return folder_.file(name, text); }
  MarketFolder& folder() { return folder_; }

  BacktestRun backtest(const StrategyFile& strategy) {
    Market market = folder_.open();
    return run_strategy(strategy, market);
  }
  Feed feed(const StrategyFile& strategy) {
    Query query;
    query.symbols = strategy.symbols, query.from = strategy.start, query.to = strategy.end;
    return feed_from_market(folder_.open(), query, strategy.frequency == "1d");
  }
  PaperRun paper(const StrategyFile& strategy, const Path& feed, std::optional<Date> until, const Path& state = "state",
                 std::vector<std::string>* said = nullptr) {
    Market market = folder_.open();
    PaperOptions options;
    options.feed = feed.string(), options.state = state;
    if (until) options.until = end_of(*until);
    options.report = [said](const std::string& line) {
      if (said != nullptr) said->push_back(line);
    };
    return run_paper(strategy, market, options);
  }

 private:
  MarketFolder folder_;
  Path before_;
};

}  // namespace hadal::market::test
