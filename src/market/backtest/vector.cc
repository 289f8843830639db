// The vector engine: weights at a frictionless broker, in floating point, one array operation a session.
#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "market/backtest/engine.h"
#include "market/backtest/schedule.h"
#include "market/stopped.h"

namespace hadal::market {
namespace {

// What the broker asks for beyond the engine's assumptions; "" where there is nothing.
std::string_view obstacle(const Broker& b) {
  const auto any = [](std::initializer_list<Decimal> values) {
    return std::any_of(values.begin(), values.end(), [](Decimal value) { return !value.is_zero(); });
  };
  if (any({b.commission_per_share, b.commission_rate, b.commission_minimum, b.sell_tax})) return "commissions";
  if (any({b.slippage_bps, b.spread_bps}) || b.volume_impact > 0 || b.root_impact > 0) return "slippage";
  if (any({b.participation})) return "a participation cap";
  if (any({b.margin})) return "margin";
  if (any({b.interest_rate, b.cash_rate})) return "interest";
  if (any({b.tick})) return "a tick size";
  if (any({b.price_limit})) return "price limits";
  if (any({b.buy_lot}) || b.quantity_step != Decimal::of_units(1)) return "whole shares or lots";
  if (b.t_plus_one) return "T+1";
  if (!b.shorts || b.cash_only) return "an account without credit";
  if (b.lean) return "LEAN's fills";
  return "";
}

struct Account {
  explicit Account(size_t n) : quantity(n), pending(n), close(n, kMissing) {}

  double cash = 0;
  std::vector<double> quantity, pending, close;  // [instrument]; pending: ordered, for the next bar

  void apply(int32_t instrument, const Action& action, double& dividends) {
    const auto i = static_cast<size_t>(instrument);
    if (action.kind == Action::Kind::dividend) {
      cash += quantity[i] * action.amount.to_double();
      dividends += quantity[i] * action.amount.to_double();
    } else if (action.kind == Action::Kind::split) {
      const double k = static_cast<double>(action.over) / static_cast<double>(action.under);
      quantity[i] *= k, pending[i] *= k, close[i] /= k;
    } else if (action.kind == Action::Kind::delisting) {
      if (quantity[i] != 0) cash += quantity[i] * close[i];
      quantity[i] = pending[i] = 0;
    }
  }

  double positions() const {
    double sum = 0;
    for (size_t i = 0; i < quantity.size(); ++i) sum += quantity[i] == 0 ? 0 : quantity[i] * close[i];
    return sum;
  }
  double shorts() const {
    double sum = 0;
    for (size_t i = 0; i < quantity.size(); ++i) sum -= quantity[i] < 0 ? quantity[i] * close[i] : 0;
    return sum;
  }
  // Down to the eighth digit, as the event engine trades; what is still pending is replaced.
  void aim(size_t i, double equity, double weight) {
    const double change = equity * weight - quantity[i] * close[i];
    const double size = std::floor(std::abs(change) / close[i] * 1e8) / 1e8;
    pending[i] = weight == 0 ? -quantity[i] : std::copysign(size, change);
  }
};

int rank_of(Action::Kind kind) { return kind == Action::Kind::dividend ? 0 : kind == Action::Kind::delisting ? 2 : 1; }

}  // namespace

BacktestResult run_vector(const Feed& feed, const Broker& broker, const Schedule& lines,
                          const std::atomic<bool>* stop) {
  if (const auto what = obstacle(broker); !what.empty())
    fail("vector engine: expected a frictionless broker, found {} with {}; use --engine event", brief(broker.profile),
         what);
  if (!lines.orders.empty())
    fail("vector engine: expected weights, found orders ({}); use --engine event", brief(lines.file));
  Schedule schedule = lines;
  settle_schedule(schedule, broker, &feed);

  BacktestResult result;
  result.daily = feed.daily, result.has_ledger = false;
  result.symbols = feed.symbols;
  result.bars = static_cast<int64_t>(feed.bars.size());
  result.start_equity = broker.cash;
  Account account(feed.symbols.size());
  account.cash = broker.cash.to_double();
  const double borrow_rate = broker.borrow_rate.to_double();
  double dividends = 0, borrow = 0;
  std::vector<int64_t> number(feed.symbols.size());
  size_t action = 0, bar = 0, target = 0;
  std::optional<Date> before;
  bool decided = false;
  for (const Feed::Session& session : feed.sessions) {
    check_stop(stop);
    for (const int rank : {0, 1, 2})
      for (size_t i = action; i < session.actions_end; ++i)
        if (rank_of(feed.actions[i].action.kind) == rank)
          account.apply(feed.actions[i].instrument, feed.actions[i].action, dividends);
    action = session.actions_end;
    for (; bar < session.bars_end; ++bar) {
      const FeedBar& b = feed.bars[bar];
      const auto i = static_cast<size_t>(b.instrument);
      check_prices(b, feed.symbols[i], session.date);
      if (account.pending[i] != 0) {
        account.cash -= account.pending[i] * b.open;
        account.quantity[i] += account.pending[i];
        result.fills.push_back({session.date,
                                session.time,
                                b.instrument,
                                feed.symbols[i],
                                Decimal::of_double(account.pending[i]),
                                Decimal::of_double(b.open),
                                {},
                                number[i]});
        account.pending[i] = 0;
      }
      account.close[i] = b.close;
    }
    const double shorts = account.shorts();
    const double fee = before ? shorts * borrow_rate * (session.date - *before) / 360 : 0;
    account.cash -= fee, borrow += fee;
    before = session.date;
    const double equity = account.cash + account.positions();
    result.curve.push_back({session.date, session.time, Decimal::of_double(equity), Decimal::of_double(account.cash),
                            Decimal::of_double(shorts)});
    for (; target < schedule.targets.size(); ++target) {
      const Target& t = schedule.targets[target];
      if (t.date > session.date || (!feed.daily && t.date == session.date && t.time > session.time)) break;
      const auto i = static_cast<size_t>(t.instrument);
      if (std::isnan(account.close[i]))
        fail("{}: expected a bar of {} by {}, found none; a weight needs a price", place_of(schedule, t.line),
             brief(feed.symbols[i]), date_text(session.date));
      account.aim(i, equity, t.weight.to_double());
      if (!decided) result.first_decision = result.curve.size() - 1;
      decided = true;
      if (account.pending[i] == 0) continue;
      Order order{.instrument = t.instrument, .quantity = Decimal::of_double(account.pending[i])};
      result.orders.push_back({order, session.date, session.time});
      number[i] = static_cast<int64_t>(result.orders.size());
    }
  }
  result.end_equity = result.curve.empty() ? broker.cash : result.curve.back().equity;
  result.borrow = Decimal::of_double(borrow), result.dividends = Decimal::of_double(dividends);
  return result;
}

}  // namespace hadal::market
