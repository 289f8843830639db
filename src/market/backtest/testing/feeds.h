// Feeds for tests: written by hand, or from plain CSV files.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/error.h"
#include "market/backtest.h"

namespace hadal::market {

inline Decimal dec(std::string_view text) {
  const auto value = Decimal::parse(text);
  if (!value) fail("test: {} is no decimal number", text);
  return *value;
}

inline std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// Sessions one after the other, each with its actions and bars.
class FeedBuilder {
 public:
  explicit FeedBuilder(std::vector<std::string> symbols) { feed_.symbols = std::move(symbols); }
  FeedBuilder& session(std::string_view day) {
    const Date date = parse_date(day).value();
    feed_.sessions.push_back({date, start_of(date) + 20 * 3600 * kSecond, feed_.actions.size(), feed_.bars.size()});
    return *this;
  }
  FeedBuilder& bar(double open, double high, double low, double close, double volume = 1e9, int32_t instrument = 0) {
    feed_.bars.push_back({instrument, open, high, low, close, volume});
    feed_.sessions.back().bars_end = feed_.bars.size();
    return *this;
  }
  FeedBuilder& flat(double price, int32_t instrument = 0) { return bar(price, price, price, price, 1e9, instrument); }
  FeedBuilder& action(Action action, int32_t instrument = 0) {
    action.effective = feed_.sessions.back().date;
    feed_.actions.push_back({instrument, std::move(action)});
    feed_.sessions.back().actions_end = feed_.actions.size();
    return *this;
  }
  FeedBuilder& split(int64_t over, int64_t under = 1, int32_t instrument = 0) {
    Action a;
    a.kind = Action::Kind::split, a.over = over, a.under = under;
    return action(a, instrument);
  }
  FeedBuilder& dividend(std::string_view amount, int32_t instrument = 0) {
    Action a;
    a.kind = Action::Kind::dividend, a.amount = dec(amount);
    return action(a, instrument);
  }
  FeedBuilder& delisting(int32_t instrument = 0) {
    Action a;
    a.kind = Action::Kind::delisting;
    return action(a, instrument);
  }
  FeedBuilder& rename(const std::string& symbol, int32_t instrument = 0) {
    Action a;
    a.kind = Action::Kind::rename, a.symbol = symbol;
    return action(a, instrument);
  }
  const Feed& feed() const { return feed_; }

 private:
  Feed feed_;
};

// A strategy that is a function.
class Deciding final : public Strategy {
 public:
  explicit Deciding(std::function<void(TradingSession&)> decide) : decide_(std::move(decide)) {}
  void decide(TradingSession& session) override { decide_(session); }

 private:
  std::function<void(TradingSession&)> decide_;
};

}  // namespace hadal::market
