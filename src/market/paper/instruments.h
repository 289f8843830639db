// Who is traded on paper: the instruments of the backtest's feed, in its order, and when their bars end, as an import
// would stamp them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "market/data/store.h"
#include "market/market.h"
#include "market/strategy_file.h"

namespace hadal::market::paper {

class Instruments {
 public:
  // The market must live as long.
  Instruments(const StrategyFile& strategy, const Market& market);

  const std::vector<std::string>& symbols() const { return symbols_; }  // by number, as Feed::symbols
  bool daily() const { return daily_; }
  // Factors are decided on at a day's last bar, which is known once the day has ended.
  bool decides_by_day() const { return decides_by_day_; }
  // By its last symbol, else by the one that it had on that day.
  std::optional<int32_t> find(const std::string& symbol, Date day) const;
  Time end_of_day(int32_t instrument, Date day) const;  // when a daily bar ends
  Date session_of(int32_t instrument, Time end) const;  // of a bar within a day
  bool is_session(int32_t instrument, Date day) const;  // true where no calendar judges the day
  // Whether the market's prices hold such an action already, so that an import does not take it.
  bool is_inside(int32_t instrument, Action::Kind kind) const;

 private:
  struct Clock {
    const Instrument* record = nullptr;
    std::shared_ptr<const Calendar> calendar;  // that judges its sessions; null: none
    std::shared_ptr<const Calendar> hours;     // when its day ends; null: `end` after the day's begin
    Time end = kDay - 1;
  };
  static Clock clock_of(const Store& store, const Instrument& instrument);

  const Store& store_;
  bool daily_, decides_by_day_;
  std::vector<std::string> symbols_;
  std::vector<Clock> clocks_;
  std::map<std::string, int32_t, std::less<>> places_;
};

}  // namespace hadal::market::paper
