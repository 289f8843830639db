#include <algorithm>
#include <map>

#include "base/error.h"
#include "market/backtest.h"

namespace hadal::market {
namespace {

struct Item {
  Time time = 0;
  Date date = 0;
  FeedBar bar;
};

void add_bars(const Market& market, const std::string& symbol, int32_t instrument, const Query& query,
              std::vector<Item>& items) {
  for (const Bar& bar : market.bars(symbol, query))
    items.push_back({bar.time, bar.session, {instrument, bar.open, bar.high, bar.low, bar.close, bar.volume}});
}

// The first session whose day is not before `day`; none: num_sessions.
size_t session_at(const Feed& feed, Date day) {
  const auto found = std::lower_bound(feed.sessions.begin(), feed.sessions.end(), day,
                                      [](const Feed::Session& s, Date wanted) { return s.date < wanted; });
  return static_cast<size_t>(found - feed.sessions.begin());
}

}  // namespace

Feed feed_from_market(const Market& market, const Query& query, bool daily) {
  if (query.prices != Prices::raw && query.prices != Prices::back)
    fail("backtest of {}: expected prices raw (or back, LEAN's own), found {}; orders fill at raw prices",
         market.name(), text_of(query.prices));
  Feed feed;
  feed.daily = daily;
  if (query.symbols.empty()) {
    feed.symbols = market.symbols();
  } else {
    for (const std::string& symbol : query.symbols) feed.symbols.push_back(market.resolve(symbol));
  }
  std::vector<Item> items;
  for (size_t i = 0; i < feed.symbols.size(); ++i)
    add_bars(market, feed.symbols[i], static_cast<int32_t>(i), query, items);
  // Daily bars of one day are one session, though exchanges close at their own times: it ends with the last of them.
  std::stable_sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
    if (a.date != b.date) return a.date < b.date;
    if (!daily && a.time != b.time) return a.time < b.time;
    return a.bar.instrument < b.bar.instrument;
  });
  feed.bars.reserve(items.size());
  for (const Item& item : items) {
    const bool same = !feed.sessions.empty() && feed.sessions.back().date == item.date &&
                      (daily || feed.sessions.back().time == item.time);
    if (!same) feed.sessions.push_back({item.date, item.time, 0, 0});
    feed.sessions.back().time = std::max(feed.sessions.back().time, item.time);
    feed.bars.push_back(item.bar);
    feed.sessions.back().bars_end = feed.bars.size();
  }
  // Symbols are those of today, so renames are past; in prices of `back` splits and dividends are inside.
  std::map<size_t, std::vector<FeedAction>> actions;
  for (size_t i = 0; i < feed.symbols.size(); ++i) {
    for (Action& action : market.actions(feed.symbols[i], query.as_of)) {
      const bool paid = action.kind == Action::Kind::split || action.kind == Action::Kind::dividend;
      if (action.kind == Action::Kind::rename || (paid && query.prices == Prices::back)) continue;
      if (!feed.sessions.empty() && action.effective < feed.sessions.front().date) continue;
      const size_t session = session_at(feed, action.effective);
      if (session < feed.sessions.size()) actions[session].push_back({static_cast<int32_t>(i), std::move(action)});
    }
  }
  for (size_t s = 0; s < feed.sessions.size(); ++s) {
    if (const auto found = actions.find(s); found != actions.end())
      for (FeedAction& action : found->second) feed.actions.push_back(std::move(action));
    feed.sessions[s].actions_end = feed.actions.size();
  }
  return feed;
}

}  // namespace hadal::market
