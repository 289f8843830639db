// The backtest: orders against bars, one session after the other, with an exact ledger.
//
// A session, in this order: (1) corporate actions effective today; (2) open orders, in the order of their submission,
// against today's bars; (3) marking at the close; (4) borrow and interest, then the margin call; (5) the strategy
// decides with what is known at this close, and its orders live from the next session on. For bars within a day a
// session is a step: all bars that end at one time; days are counted by dates.
//
// Money, prices and quantities are Decimal, times are integers: the same feed gives the same ledger, bit for bit,
// whether it comes from a store or line by line. Each event is checked for conservation: what equity (cash + positions
// at their last close) gains is what the event explains; else an Error names the event.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"
#include "market/decimal.h"
#include "market/market.h"

namespace hadal {
class TomlTable;
}

namespace hadal::market {

// ---- Orders

// Where they fill. market, on_open: at the open. on_close: at the close. Buy limit L: at the open if open <= L, else at
// L if low < L (a touch does not fill). Buy stop S: at the open if open >= S, else at S if high >= S. stop_limit: when
// S is reached as for a stop, at the stop's price if that is <= L, else it is a limit order from the next session on.
// Sells are mirrored.
enum class OrderType { market, limit, stop, stop_limit, on_open, on_close };
std::string_view text_of(OrderType type);

// day: lives in the next session in which the instrument has a bar. gtc: until it is filled or cancelled.
enum class TimeInForce { day, gtc };

struct Order {
  int32_t instrument = 0;  // its place in Feed::symbols
  Decimal quantity = {};   // > 0 buys, < 0 sells
  OrderType type = OrderType::market;
  Decimal limit = {}, stop = {};  // > 0 in the types that have them
  TimeInForce tif = TimeInForce::day;
};

// ---- Broker

// What a broker takes and allows; a built-in profile, or one's own TOML file, under the settings of [broker].
struct Broker {
  std::string profile = "frictionless";
  Decimal cash{100'000};  // at the start

  // Of a fill: per_share * |quantity| + rate * value, at least `commission_minimum`; else, where it is above the
  // minimum, at most commission_cap * value (0: no cap). On top sell_tax * value of sells.
  Decimal commission_per_share, commission_rate, commission_minimum, commission_cap, sell_tax;

  // Against the trader, on market, on_open, on_close and stop fills: price * slippage_bps / 10000, half of spread_bps,
  // price * volume_impact * (quantity / volume)^2, price * root_impact * sqrt(quantity / volume).
  Decimal slippage_bps, spread_bps;
  double volume_impact = 0, root_impact = 0;

  Decimal participation;             // all fills of an instrument in a bar: at most floor(this * volume); 0: no cap
  Decimal borrow_rate;               // a year of 360 days, on the value of shorts, at each close
  Decimal interest_rate, cash_rate;  // the same, paid on negative cash and earned on positive cash
  // Of |positions| that equity must cover when a position grows, and below which the largest one is closed at the next
  // open. 0: margin is not checked.
  Decimal margin, maintenance_margin = Decimal::of_units(Decimal::kScale / 4);

  Decimal quantity_step{1};  // 1, or less where fractions are traded
  Decimal cap_step{1};       // to what participation is rounded down
  Decimal buy_lot;           // buys are multiples of it; 0: of quantity_step
  Decimal tick;              // fill prices are multiples of it, rounded against the trader; 0: any price
  Decimal price_limit;       // .1: no buys at 1.1 times the last close or above, no sells at .9 times or below; 0: none
  bool t_plus_one = false;   // what was bought today cannot be sold today
  bool shorts = true;        // else sells are cut to what is held
  bool cash_only = false;    // buys are cut to what cash pays for
  bool lean = false;         // LEAN's stop-limit fills and sizing of targets
};

std::vector<std::string> broker_profiles();  // frictionless, ib_us, binance_spot, cn_a, lean
// `name`, or the path of a TOML file (it ends with .toml; relative to `folder`).
Broker broker_profile(const std::string& name, const std::string& who, const Path& folder = {});
// A strategy's [broker]: `profile`, `cash` and anything that a profile says.
Broker read_broker(TomlTable& table, const Path& folder = {});

// ---- Feed

struct FeedBar {
  int32_t instrument = 0;
  double open = kMissing, high = kMissing, low = kMissing, close = kMissing;  // finite and > 0
  double volume = kMissing;                                                   // missing counts as 0
};

struct FeedAction {
  int32_t instrument = 0;
  Action action;
};

// What happens, in the order of time, in memory.
struct Feed {
  struct Session {
    Date date = 0;
    Time time = 0;                         // of the close
    size_t actions_end = 0, bars_end = 0;  // each session's begin where the last one's end
  };
  bool daily = true;                 // else results show times, not dates
  std::vector<std::string> symbols;  // by instrument
  std::vector<Session> sessions;
  std::vector<FeedAction> actions;  // effective in that session: dividends before splits
  std::vector<FeedBar> bars;
};

// The feed of the instruments of a query (its prices raw, or back for LEAN's own adjustment: then without splits and
// dividends), from the store. Actions stand in the first session that is not before their day.
Feed feed_from_market(const Market& market, const Query& query, bool daily = true);

// ---- Results

struct Fill {
  Date date = 0;
  Time time = 0;
  int32_t instrument = 0;
  std::string symbol;  // of that day
  Decimal quantity, price, fee;
  int64_t order = 0;  // its number, from 1 on
};

struct LedgerEvent {
  enum class Kind : uint8_t {
    deposit,
    split,
    fraction,
    dividend,
    delisting,
    rename,
    fill,
    fee,
    borrow,
    interest,
    margin_call,
    cancel,
    reject
  };
  Kind kind = Kind::deposit;
  int32_t instrument = -1;  // -1: of the account
  Date date = 0;
  Time time = 0;
  Decimal quantity = {}, price = {}, amount = {}, cash = {};  // amount: what cash gains; cash: after it
};

struct EquityPoint {  // at a close
  Date date = 0;
  Time time = 0;
  Decimal equity, cash, shorts;  // shorts: value of short positions, >= 0; longs are equity - cash + shorts
};

struct SubmittedOrder {
  Order order;
  Date date = 0;  // at whose close
  Time time = 0;
};

struct BacktestResult {
  bool daily = true;
  std::vector<std::string> symbols;
  Decimal start_equity, end_equity, fees, borrow, interest, dividends, slippage;  // interest: earned less paid
  std::vector<SubmittedOrder> orders;                                             // number 1 first
  std::vector<Fill> fills;
  std::vector<EquityPoint> curve;
  size_t first_decision = 0;  // of the curve: where the first order or target was given; 0 where none was
  std::vector<LedgerEvent> events;
  std::vector<std::pair<size_t, std::string>> renames;  // from this event on: the event's instrument has this symbol
  int64_t bars = 0;
  bool has_ledger = true;  // not of the vector engine

  // The first point of the curve at which nothing was left (equity 0 or below). The engine trades on by its rules, but
  // no account does: results count up to it.
  std::optional<size_t> ruin() const;
  size_t num_points() const;    // of the curve, that count
  Decimal last_equity() const;  // of the last one; start_equity where there is none
  // From close to close, from the first decision on (before it nothing could be held) to the ruin.
  std::vector<double> returns() const;
  int64_t refused() const;            // orders that the margin did not allow; 0 without a ledger
  double periods_a_year() const;      // 252 sessions of as many points as there are on average
  std::string ledger_text() const;    // one event a line: time, kind, symbol, quantity, price, amount, cash after
  std::string ledger_sha256() const;  // of that text; empty without a ledger
  std::string orders_csv() const, fills_csv() const, equity_csv() const;
  // orders, refused, fills, start_equity, end_equity, fees, borrow, interest, dividends, slippage, ledger_sha256, bars,
  // ruined (null, or time and equity); amounts as decimal strings.
  OrderedJson json() const;
};

// ---- Trading

class TradingSession;

class Strategy {
 public:
  virtual ~Strategy() = default;
  // At each close. It may read everything of `session` and submit or cancel orders.
  virtual void decide(TradingSession& session) = 0;
};

// One account from its first session on. It is fed session by session; the same calls give the same ledger.
class TradingSession {
 public:
  // `symbols`: of the instruments, by number. The strategy must live as long.
  TradingSession(Broker broker, std::vector<std::string> symbols, Strategy& strategy, bool daily = true);
  ~TradingSession();
  TradingSession(TradingSession&&) noexcept;

  // A session: begin, its actions, its bars (one an instrument), end. Dates do not fall, times rise. Error for bars
  // with a missing price, twice the same instrument, and actions after bars.
  void begin_session(Date date, Time close);
  void on_action(int32_t instrument, const Action& action);
  void on_bar(const FeedBar& bar);
  void end_session();

  BacktestResult result() const;  // up to the last session that ended
  BacktestResult take_result();   // the same without a copy; ends the account

  // What the strategy may know and do.
  const Broker& broker() const;
  Date date() const;
  Time time() const;
  size_t num_instruments() const;
  const std::string& symbol(int32_t instrument) const;
  const FeedBar* bar(int32_t instrument) const;  // of this session; null where there is none
  double last_close(int32_t instrument) const;   // split-adjusted to today; missing before the first bar
  Decimal quantity(int32_t instrument) const;    // held
  Decimal value(int32_t instrument) const;       // at its last close
  Decimal cash() const;
  Decimal equity() const;
  int64_t submit(const Order& order);  // its number
  bool cancel(int64_t number);         // false where it is no longer open
  void cancel_all(int32_t instrument);
  // What waits for a bar, by number: what is left of it, at today's prices; a triggered stop_limit is a limit.
  std::vector<std::pair<int64_t, SubmittedOrder>> open_orders() const;
  // A market order for the next session that brings the position to this weight of equity: |equity * weight - value| /
  // close, rounded down to what the broker trades; 0 sells all. What still waits for a bar of the
  // instrument is cancelled: the newest target counts. In LEAN's profile by LEAN's sizing. Returns its number;
  // 0 where nothing is to be traded; nothing where the instrument had no bar yet.
  std::optional<int64_t> order_target(int32_t instrument, Decimal weight);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The event engine: a whole feed through a TradingSession. Throws Stopped (stopped.h) between two sessions once `stop`
// is set.
BacktestResult run_backtest(const Feed& feed, const Broker& broker, Strategy& strategy,
                            const std::atomic<bool>* stop = nullptr);

// ---- Targets and order files

struct Target {
  Date date = 0;
  Time time = 0;  // within a day; 0: at the day's last close
  int32_t instrument = 0;
  Decimal weight;
  int64_t line = 0;  // of the file; 0: from no file
};

struct ScheduledOrder {
  Date date = 0;
  Time time = 0;
  Order order;
  int64_t line = 0;
};

// What is to be done at which close.
struct Schedule {
  std::string file;  // for messages
  std::vector<Target> targets;
  std::vector<ScheduledOrder> orders;  // of a day: after the targets
};

// date,symbol,weight   or   date,symbol,quantity,type,limit,stop,tif   (a date, or an ISO time for bars within a day).
// Symbols are those of the feed, or such that its renames name. Error with file and line.
Schedule read_schedule(const Path& file, const Feed& feed);

// Follows a schedule. Against a feed each line must name one of its sessions, and quantities must be what the broker
// trades, else Error with file and line; without one (a feed that is still to come) lines of other days wait or pass.
std::unique_ptr<Strategy> scheduled_strategy(Schedule schedule, const Broker& broker, const Feed* feed);

// The vector engine: the same equity within 1e-9, relative, in floating point, for weights at a frictionless broker
// (which may ask for borrow_rate). Error where the broker asks for anything else.
BacktestResult run_vector(const Feed& feed, const Broker& broker, const Schedule& schedule,
                          const std::atomic<bool>* stop = nullptr);

}  // namespace hadal::market
