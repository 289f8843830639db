// The inside of TradingSession.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "market/backtest.h"
#include "market/backtest/ledger.h"
#include "market/backtest/matching.h"

namespace hadal::market {

inline constexpr Decimal kNone;

// Error where money cannot hold one of a bar's prices.
void check_prices(const FeedBar& bar, const std::string& symbol, Date date);

struct TradingSession::Impl {
  struct LastBar {  // what is read for each bar
    FeedBar bar;
    int64_t session = -1;              // of the bar
    double previous_close = kMissing;  // before it
  };
  struct Traded {  // what is read for each fill
    int64_t session = -1;
    Decimal used;  // of the participation cap, in that session
    Date bought_on = -1;
    Decimal bought;  // on that day
    int64_t dividend_session = -1;
    Decimal dividend;  // a share, in that session
  };
  struct OpenOrder {
    Order order;  // as it is now: splits change it
    int64_t number = 0;
    Decimal rest = {};
    bool triggered = false;  // of a stop_limit
    bool call = false;       // a margin call's: nothing keeps it from filling
  };

  Impl(Broker b, std::vector<std::string> names, Strategy& s, bool is_daily);

  void begin_session(Date new_date, Time close);
  void on_bar(const FeedBar& bar);
  void end_session(TradingSession& face);

  // actions.cc
  void apply_actions();
  void apply_split(int32_t instrument, const Action& action);
  void apply_delisting(int32_t instrument);
  void apply_rename(int32_t instrument, const Action& action);

  // orders.cc
  int64_t submit(const Order& order, bool call = false);
  bool cancel(int64_t number);
  void cancel_all(int32_t instrument);
  void work_orders();
  bool work(OpenOrder& open);  // true: it is done
  void execute(OpenOrder& open, Decimal price);
  Decimal available(const OpenOrder& open) const;
  bool within_limits(int32_t instrument, Decimal quantity, Decimal price) const;
  bool margin_allows(int32_t instrument, Decimal quantity, Decimal price) const;

  void mark();
  Decimal shorts() const;
  Decimal accrued(Decimal amount, Decimal rate) const;  // since the previous session
  void accrue(Decimal shorts_value);
  void margin_call();
  void note_decision();
  BacktestResult summary() const;  // without the lists

  bool has_bar(int32_t i) const { return last[static_cast<size_t>(i)].session == session; }
  Decimal last_close(int32_t i) const { return Decimal::of_double(last[static_cast<size_t>(i)].bar.close); }

  Broker broker;
  Strategy* strategy;
  bool daily;
  std::vector<std::string> first_symbols, symbols;
  Ledger ledger;
  std::vector<LastBar> last;
  std::vector<Traded> traded;
  std::vector<FeedAction> actions;  // of this session
  std::vector<OpenOrder> open;      // by number

  Date date = 0, previous_date = 0;
  Time time = 0;
  int64_t session = -1, num_bars = 0;
  bool in_session = false;

  Decimal slippage;
  std::vector<SubmittedOrder> submitted;
  std::vector<Fill> fills;
  std::vector<EquityPoint> curve;
  std::optional<size_t> first_decision;  // of the curve
  std::vector<std::pair<size_t, std::string>> renames;
};

}  // namespace hadal::market
