// A feed from plain CSV files, read as simply as can be.
#pragma once

#include <algorithm>
#include <map>

#include "base/text.h"
#include "market/backtest/testing/feeds.h"

namespace hadal::market {

inline Feed read_plain_feed(const Path& bars, const Path& actions, const std::vector<std::string>& symbols) {
  const auto place = [&](const std::string& symbol) {
    return static_cast<int32_t>(std::find(symbols.begin(), symbols.end(), symbol) - symbols.begin());
  };
  std::map<std::string, std::vector<std::vector<std::string>>> bars_of, actions_of;
  const auto read = [](const Path& file, auto& by_day) {
    for_each_line(file, [&](std::string_view line, int64_t number) {
      if (number > 1) by_day[split(line, ',').front()].push_back(split(line, ','));
      return true;
    });
  };
  read(bars, bars_of);
  read(actions, actions_of);
  FeedBuilder feed(symbols);
  for (const auto& [day, lines] : bars_of) {
    feed.session(day);
    for (const auto& a : actions_of[day]) {
      if (a[2] == "dividend") {
        feed.dividend(a[3], place(a[1]));
      } else {
        const auto ratio = split(a[3], ':');
        feed.split(std::stoll(ratio[0]), std::stoll(ratio[1]), place(a[1]));
      }
    }
    for (const auto& b : lines)
      feed.bar(std::stod(b[2]), std::stod(b[3]), std::stod(b[4]), std::stod(b[5]), std::stod(b[6]), place(b[1]));
  }
  return feed.feed();
}

}  // namespace hadal::market
