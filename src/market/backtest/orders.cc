// Open orders against the bars of a session.
#include <algorithm>

#include "base/error.h"
#include "market/backtest/engine.h"

namespace hadal::market {

int64_t TradingSession::Impl::submit(const Order& order, bool call) {
  const bool has_limit = order.type == OrderType::limit || order.type == OrderType::stop_limit;
  const bool has_stop = order.type == OrderType::stop || order.type == OrderType::stop_limit;
  HADAL_CHECK(order.instrument >= 0 && static_cast<size_t>(order.instrument) < symbols.size(), "instrument {}",
              order.instrument);
  HADAL_CHECK(!order.quantity.is_zero() && order.quantity.units() % broker.quantity_step.units() == 0, "an order of {}",
              order.quantity.text());
  HADAL_CHECK((!has_limit || order.limit > kNone) && (!has_stop || order.stop > kNone), "limit {}, stop {}",
              order.limit.text(), order.stop.text());
  submitted.push_back({order, date, time});
  const auto number = static_cast<int64_t>(submitted.size());
  open.push_back({.order = order, .number = number, .rest = order.quantity, .call = call});
  return number;
}

bool TradingSession::Impl::cancel(int64_t number) {
  const auto found = std::lower_bound(open.begin(), open.end(), number,
                                      [](const OpenOrder& order, int64_t wanted) { return order.number < wanted; });
  if (found == open.end() || found->number != number || found->call) return false;
  ledger.note(LedgerEvent::Kind::cancel, found->order.instrument, found->rest);
  open.erase(found);
  return true;
}

void TradingSession::Impl::cancel_all(int32_t instrument) {
  std::erase_if(open, [&](const OpenOrder& order) {
    const bool gone = order.order.instrument == instrument;
    if (gone) ledger.note(LedgerEvent::Kind::cancel, instrument, order.rest);
    return gone;
  });
}

void TradingSession::Impl::work_orders() {
  size_t kept = 0;
  for (size_t i = 0; i < open.size(); ++i) {
    if (work(open[i])) continue;
    if (kept != i) open[kept] = open[i];
    ++kept;
  }
  open.resize(kept);
}

bool TradingSession::Impl::work(OpenOrder& order) {
  const int32_t instrument = order.order.instrument;
  if (!has_bar(instrument)) return false;
  const auto price =
      fill_price(order.order, order.triggered, decimal_bar(last[static_cast<size_t>(instrument)].bar), broker.lean);
  if (price) execute(order, *price);
  if (order.rest.is_zero()) return true;
  if (order.order.tif == TimeInForce::gtc) return false;
  ledger.note(LedgerEvent::Kind::cancel, instrument, order.rest);
  return true;
}

// What of an order can trade in this bar, before its price matters.
Decimal TradingSession::Impl::available(const OpenOrder& order) const {
  const auto i = static_cast<size_t>(order.order.instrument);
  const bool buys = order.rest > kNone;
  Decimal size = abs(order.rest);
  if (!broker.participation.is_zero()) {
    const Decimal used = traded[i].session == session ? traded[i].used : kNone;
    size = std::min(size, participation_cap(broker, last[i].bar.volume) - used);
  }
  if (!buys && (!broker.shorts || broker.t_plus_one)) {
    const Decimal held = std::max(ledger.position(order.order.instrument).quantity, kNone);
    const Decimal locked = broker.t_plus_one && traded[i].bought_on == date ? traded[i].bought : kNone;
    // Where shorts are allowed, T+1 holds for what is held alone.
    if (!broker.shorts || held > kNone) size = std::min(size, std::max(held - locked, kNone));
  }
  const Decimal step = buys && !order.call ? buy_step(broker) : broker.quantity_step;
  size = toward_zero(std::max(size, kNone), step);
  return buys ? size : -size;
}

bool TradingSession::Impl::within_limits(int32_t instrument, Decimal quantity, Decimal price) const {
  const auto i = static_cast<size_t>(instrument);
  if (broker.price_limit.is_zero() || !(last[i].previous_close > 0)) return true;
  const Decimal dividend = traded[i].dividend_session == session ? traded[i].dividend : kNone;
  const PriceLimits limits = price_limits(broker, Decimal::of_double(last[i].previous_close) - dividend);
  return quantity > kNone ? price < limits.upper : price > limits.lower;
}

// Whether equity covers the initial margin once this has filled. What makes a position smaller always may.
bool TradingSession::Impl::margin_allows(int32_t instrument, Decimal quantity, Decimal price) const {
  const Ledger::Position& position = ledger.position(instrument);
  const Decimal after = position.quantity + quantity;
  if (broker.margin.is_zero() || abs(after) <= abs(position.quantity)) return true;
  Decimal gross = abs(after * price);
  for (const int32_t held : ledger.held())
    if (held != instrument) gross += abs(ledger.position(held).value);
  const Decimal equity =
      ledger.equity() - position.value + after * price - quantity * price - commission(broker, quantity, price);
  return equity >= broker.margin * gross;
}

void TradingSession::Impl::execute(OpenOrder& order, Decimal price) {
  const int32_t instrument = order.order.instrument;
  Traded& t = traded[static_cast<size_t>(instrument)];
  Decimal quantity = available(order);
  if (quantity.is_zero() || !within_limits(instrument, quantity, price)) return;
  const Decimal paid = slips(order.order.type)
                           ? slipped_price(broker, price, quantity, last[static_cast<size_t>(instrument)].bar.volume)
                           : price;
  if (broker.cash_only && quantity > kNone) quantity = affordable(broker, quantity, paid, ledger.cash());
  if (quantity.is_zero()) return;
  if (!order.call && !margin_allows(instrument, quantity, paid)) {
    ledger.note(LedgerEvent::Kind::reject, instrument, order.rest, paid);
    order.rest = {};
    return;
  }
  const Decimal fee = commission(broker, quantity, paid);
  ledger.fill(instrument, quantity, paid, fee);
  slippage += abs(paid - price) * abs(quantity);
  fills.push_back(
      {date, time, instrument, symbols[static_cast<size_t>(instrument)], quantity, paid, fee, order.number});
  order.rest -= quantity;
  if (t.session != session) t.used = {};
  t.session = session;
  t.used += abs(quantity);
  if (quantity > kNone && broker.t_plus_one) {
    if (t.bought_on != date) t.bought = {};
    t.bought_on = date;
    t.bought += quantity;
  }
}

}  // namespace hadal::market
