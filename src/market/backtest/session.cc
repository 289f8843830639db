#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "market/backtest/engine.h"
#include "market/stopped.h"

namespace hadal::market {

void check_prices(const FeedBar& bar, const std::string& symbol, Date date) {
  if (holds_price(bar.open) && holds_price(bar.high) && holds_price(bar.low) && holds_price(bar.close)) return;
  const auto tiny = [](double price) { return price > 0 && price < 1 && !holds_price(price); };
  const std::string where = fmt::format("bar of {} on {}", brief(symbol), date_text(date));
  const std::string found = fmt::format("open {}, high {}, low {}, close {}", bar.open, bar.high, bar.low, bar.close);
  if (tiny(bar.open) || tiny(bar.high) || tiny(bar.low) || tiny(bar.close))
    fail(
        "{}: expected prices that money's 8 digits after the point hold to a millionth, found {}; quote it in a "
        "smaller unit (a thousand of it as one), and import that",
        where, found);
  fail("{}: expected four prices above 0 and below 1e10, found {}; run market check", where, found);
}

TradingSession::Impl::Impl(Broker b, std::vector<std::string> names, Strategy& s, bool is_daily)
    : broker(std::move(b)),
      strategy(&s),
      daily(is_daily),
      first_symbols(names),
      symbols(std::move(names)),
      ledger(symbols.size()),
      last(symbols.size()),
      traded(symbols.size()) {}

void TradingSession::Impl::begin_session(Date new_date, Time close) {
  HADAL_CHECK(!in_session, "a session within a session");
  if (session >= 0 && (new_date < date || close <= time))
    fail("session of {}, closing {}: expected it after the one that closed {}; sort the sessions", date_text(new_date),
         time_text(close), time_text(time));
  previous_date = session >= 0 ? date : new_date;
  date = new_date, time = close;
  ++session;
  in_session = true;
  ledger.set_time(date, time);
  if (session == 0) ledger.deposit(broker.cash);
}

void TradingSession::Impl::on_bar(const FeedBar& bar) {
  HADAL_CHECK(in_session && bar.instrument >= 0 && static_cast<size_t>(bar.instrument) < last.size(), "instrument {}",
              bar.instrument);
  LastBar& slot = last[static_cast<size_t>(bar.instrument)];
  constexpr double kMostVolume = 1e18;
  check_prices(bar, symbols[static_cast<size_t>(bar.instrument)], date);
  if (slot.session == session)
    fail("bar of {} on {}: expected one bar a session, found a second; run market check",
         brief(symbols[static_cast<size_t>(bar.instrument)]), date_text(date));
  if (bar.volume > kMostVolume)
    fail("bar of {} on {}: expected a volume below {:g}, found {:g}; run market check",
         brief(symbols[static_cast<size_t>(bar.instrument)]), date_text(date), kMostVolume, bar.volume);
  slot.previous_close = slot.bar.close;
  slot.bar = bar;
  slot.session = session;
  ++num_bars;
}

void TradingSession::Impl::mark() {
  for (const int32_t instrument : ledger.held())
    if (has_bar(instrument)) ledger.mark(instrument, last_close(instrument));
}

Decimal TradingSession::Impl::shorts() const {
  Decimal sum;
  for (const int32_t instrument : ledger.held())
    if (const Decimal value = ledger.position(instrument).value; value < kNone) sum -= value;
  return sum;
}

Decimal TradingSession::Impl::accrued(Decimal amount, Decimal rate) const {
  return times_ratio(amount, static_cast<int64_t>(rate.units()) * (date - previous_date), 360 * Decimal::kScale);
}

void TradingSession::Impl::accrue(Decimal shorts_value) {
  if (date == previous_date) return;
  if (!shorts_value.is_zero() && !broker.borrow_rate.is_zero()) {
    const Decimal fee = accrued(shorts_value, broker.borrow_rate);
    if (!fee.is_zero()) ledger.charge(LedgerEvent::Kind::borrow, -fee);
  }
  const Decimal cash = ledger.cash();
  const Decimal rate = cash < kNone ? broker.interest_rate : broker.cash_rate;
  if (rate.is_zero()) return;
  const Decimal interest = accrued(cash, rate);
  if (!interest.is_zero()) ledger.charge(LedgerEvent::Kind::interest, interest);
}

// Below the maintenance margin the largest position is closed at the next open.
void TradingSession::Impl::margin_call() {
  if (broker.margin.is_zero()) return;
  Decimal gross, largest;
  int32_t chosen = -1;
  for (const int32_t instrument : ledger.held()) {
    const Decimal size = abs(ledger.position(instrument).value);
    gross += size;
    if (size > largest || (size == largest && instrument < chosen)) largest = size, chosen = instrument;
  }
  if (chosen < 0 || ledger.equity() >= broker.maintenance_margin * gross) return;
  if (std::any_of(open.begin(), open.end(), [](const OpenOrder& order) { return order.call; })) return;
  const Ledger::Position& position = ledger.position(chosen);
  ledger.note(LedgerEvent::Kind::margin_call, chosen, -position.quantity, position.mark);
  submit({.instrument = chosen, .quantity = -position.quantity}, true);
}

void TradingSession::Impl::end_session(TradingSession& face) {
  HADAL_CHECK(in_session, "the end of no session");
  apply_actions();
  if (!open.empty()) work_orders();
  mark();
  const Decimal shorts_value = shorts();
  accrue(shorts_value);
  ledger.check_totals();
  curve.push_back({date, time, ledger.equity(), ledger.cash(), shorts_value});
  margin_call();
  strategy->decide(face);
  in_session = false;
}

void TradingSession::Impl::note_decision() {
  if (!first_decision && !curve.empty()) first_decision = curve.size() - 1;
}

BacktestResult TradingSession::Impl::summary() const {
  using Kind = LedgerEvent::Kind;
  BacktestResult result;
  result.daily = daily;
  result.symbols = first_symbols;
  result.start_equity = broker.cash;
  result.end_equity = curve.empty() ? broker.cash : curve.back().equity;
  result.fees = -ledger.total(Kind::fee);
  result.borrow = -ledger.total(Kind::borrow);
  result.interest = ledger.total(Kind::interest);
  result.dividends = ledger.total(Kind::dividend);
  result.slippage = slippage;
  result.renames = renames;
  result.first_decision = first_decision.value_or(0);
  result.bars = num_bars;
  return result;
}

// ---- The face

TradingSession::TradingSession(Broker broker, std::vector<std::string> symbols, Strategy& strategy, bool daily)
    : impl_(std::make_unique<Impl>(std::move(broker), std::move(symbols), strategy, daily)) {}
TradingSession::~TradingSession() = default;
TradingSession::TradingSession(TradingSession&&) noexcept = default;

void TradingSession::begin_session(Date date, Time close) { impl_->begin_session(date, close); }
void TradingSession::on_bar(const FeedBar& bar) { impl_->on_bar(bar); }
void TradingSession::end_session() { impl_->end_session(*this); }

void TradingSession::on_action(int32_t instrument, const Action& action) {
  HADAL_CHECK(impl_->in_session && instrument >= 0 && static_cast<size_t>(instrument) < impl_->symbols.size());
  impl_->actions.push_back({instrument, action});
}

BacktestResult TradingSession::result() const {
  BacktestResult result = impl_->summary();
  result.orders = impl_->submitted;
  result.fills = impl_->fills;
  result.curve = impl_->curve;
  result.events = impl_->ledger.events();
  return result;
}

BacktestResult TradingSession::take_result() {
  BacktestResult result = impl_->summary();
  result.orders = std::move(impl_->submitted);
  result.fills = std::move(impl_->fills);
  result.curve = std::move(impl_->curve);
  result.events = impl_->ledger.take_events();
  return result;
}

const Broker& TradingSession::broker() const { return impl_->broker; }
Date TradingSession::date() const { return impl_->date; }
Time TradingSession::time() const { return impl_->time; }
size_t TradingSession::num_instruments() const { return impl_->symbols.size(); }
const std::string& TradingSession::symbol(int32_t instrument) const {
  return impl_->symbols[static_cast<size_t>(instrument)];
}

const FeedBar* TradingSession::bar(int32_t instrument) const {
  return impl_->has_bar(instrument) ? &impl_->last[static_cast<size_t>(instrument)].bar : nullptr;
}

double TradingSession::last_close(int32_t instrument) const {
  return impl_->last[static_cast<size_t>(instrument)].bar.close;
}

Decimal TradingSession::quantity(int32_t instrument) const { return impl_->ledger.position(instrument).quantity; }
Decimal TradingSession::value(int32_t instrument) const { return impl_->ledger.position(instrument).value; }
Decimal TradingSession::cash() const { return impl_->ledger.cash(); }
Decimal TradingSession::equity() const { return impl_->ledger.equity(); }
int64_t TradingSession::submit(const Order& order) {
  impl_->note_decision();
  return impl_->submit(order);
}
bool TradingSession::cancel(int64_t number) { return impl_->cancel(number); }
void TradingSession::cancel_all(int32_t instrument) { impl_->cancel_all(instrument); }

std::vector<std::pair<int64_t, SubmittedOrder>> TradingSession::open_orders() const {
  std::vector<std::pair<int64_t, SubmittedOrder>> orders;
  for (const Impl::OpenOrder& open : impl_->open) {
    SubmittedOrder rest = impl_->submitted[static_cast<size_t>(open.number) - 1];
    rest.order = open.order;
    rest.order.quantity = open.rest;
    if (open.triggered) rest.order.type = OrderType::limit, rest.order.stop = {};
    orders.emplace_back(open.number, rest);
  }
  return orders;
}

std::optional<int64_t> TradingSession::order_target(int32_t instrument, Decimal weight) {
  if (std::isnan(last_close(instrument))) return {};
  if (impl_->last_close(instrument).is_zero())
    fail("{} on {}: expected a close that 8 digits after the point hold, found {} after its splits; check them",
         brief(symbol(instrument)), date_text(date()), last_close(instrument));
  impl_->note_decision();
  cancel_all(instrument);
  const Decimal quantity =
      target_quantity(impl_->broker, equity(), this->quantity(instrument), impl_->last_close(instrument), weight);
  return quantity.is_zero() ? 0 : submit({.instrument = instrument, .quantity = quantity});
}

BacktestResult run_backtest(const Feed& feed, const Broker& broker, Strategy& strategy, const std::atomic<bool>* stop) {
  TradingSession session(broker, feed.symbols, strategy, feed.daily);
  size_t action = 0, bar = 0;
  for (const Feed::Session& s : feed.sessions) {
    check_stop(stop);
    session.begin_session(s.date, s.time);
    for (; action < s.actions_end; ++action)
      session.on_action(feed.actions[action].instrument, feed.actions[action].action);
    for (; bar < s.bars_end; ++bar) session.on_bar(feed.bars[bar]);
    session.end_session();
  }
  return session.take_result();
}

}  // namespace hadal::market
