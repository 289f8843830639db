#include "market/backtest/matching.h"

#include <algorithm>
#include <cmath>

namespace hadal::market {

DecimalBar decimal_bar(const FeedBar& bar) {
  return {Decimal::of_double(bar.open), Decimal::of_double(bar.high), Decimal::of_double(bar.low),
          Decimal::of_double(bar.close)};
}

namespace {

// What a buyer sees. A sell is a buy at negative prices: its high is the low.
struct View {
  Decimal open, high, low, close, limit, stop;
};

View view_of(const Order& order, const DecimalBar& bar) {
  if (order.quantity > Decimal{}) return {bar.open, bar.high, bar.low, bar.close, order.limit, order.stop};
  return {-bar.open, -bar.low, -bar.high, -bar.close, -order.limit, -order.stop};
}

std::optional<Decimal> limit_price(const View& view) {
  if (view.open <= view.limit) return view.open;
  if (view.low < view.limit) return view.limit;
  return {};
}

std::optional<Decimal> stop_price(const View& view) {
  if (view.open >= view.stop) return view.open;
  if (view.high >= view.stop) return view.stop;
  return {};
}

std::optional<Decimal> stop_limit_price(const View& view, bool& triggered) {
  if (triggered) return limit_price(view);
  const auto price = stop_price(view);
  triggered = price.has_value();
  return triggered && *price <= view.limit ? price : std::nullopt;
}

// As LEAN's fill model has it: by the bar's close, and in the bar that triggers too.
std::optional<Decimal> lean_stop_limit_price(const View& view, bool& triggered) {
  triggered = triggered || view.high > view.stop;
  if (!triggered || view.close >= view.limit) return {};
  return std::min(view.high, view.limit);
}

std::optional<Decimal> buyers_price(OrderType type, const View& view, bool& triggered, bool lean) {
  switch (type) {
    case OrderType::market:
    case OrderType::on_open:
      return view.open;
    case OrderType::on_close:
      return view.close;
    case OrderType::limit:
      return limit_price(view);
    case OrderType::stop:
      return stop_price(view);
    case OrderType::stop_limit:
      return lean ? lean_stop_limit_price(view, triggered) : stop_limit_price(view, triggered);
  }
  return {};
}

// value / unit, in whole units, rounded up or down.
Decimal on_grid(Decimal value, Decimal unit, bool up) {
  const auto rest = value.units() % unit.units();
  if (rest == 0) return value;
  return Decimal::of_units(value.units() - rest + (up ? unit.units() : 0));
}

}  // namespace

std::optional<Decimal> fill_price(const Order& order, bool& triggered, const DecimalBar& bar, bool lean) {
  const auto price = buyers_price(order.type, view_of(order, bar), triggered, lean);
  if (!price || order.quantity > Decimal{}) return price;
  return -*price;
}

bool slips(OrderType type) { return type != OrderType::limit && type != OrderType::stop_limit; }

Decimal slipped_price(const Broker& broker, Decimal price, Decimal quantity, double volume) {
  constexpr int64_t kBasis = 10'000 * Decimal::kScale;
  Decimal move = times_ratio(price, static_cast<int64_t>(broker.slippage_bps.units()), kBasis) +
                 times_ratio(price, static_cast<int64_t>(broker.spread_bps.units()), 2 * kBasis);
  if (broker.volume_impact > 0 || broker.root_impact > 0) {
    // A bar without volume is as if the order had been all of it.
    const double share = volume > 0 ? abs(quantity).to_double() / volume : 1;
    move += price * Decimal::of_double(broker.volume_impact * share * share + broker.root_impact * std::sqrt(share));
  }
  const bool buys = quantity > Decimal{};
  const Decimal slipped = buys ? price + move : std::max(price - move, Decimal::of_units(1));
  return broker.tick.is_zero() ? slipped : on_grid(slipped, broker.tick, buys);
}

Decimal commission(const Broker& broker, Decimal quantity, Decimal price) {
  const Decimal shares = abs(quantity), value = shares * price;
  Decimal fee = broker.commission_per_share * shares + broker.commission_rate * value;
  if (fee < broker.commission_minimum)
    fee = broker.commission_minimum;
  else if (!broker.commission_cap.is_zero())
    fee = std::min(fee, broker.commission_cap * value);
  return quantity < Decimal{} ? fee + broker.sell_tax * value : fee;
}

Decimal toward_zero(Decimal quantity, Decimal step) {
  return Decimal::of_units(quantity.units() - quantity.units() % step.units());
}

Decimal buy_step(const Broker& broker) { return std::max(broker.quantity_step, broker.buy_lot); }

Decimal participation_cap(const Broker& broker, double volume) {
  if (!(volume > 0)) return {};
  return toward_zero(broker.participation * Decimal::of_double(volume), broker.cap_step);
}

PriceLimits price_limits(const Broker& broker, Decimal reference) {
  const Decimal unit = broker.tick.is_zero() ? Decimal::of_units(1) : broker.tick;
  const auto rounded = [&](Decimal price) {  // half up, as exchanges do
    return on_grid(price + Decimal::of_units(unit.units() / 2), unit, false);
  };
  const Decimal range = reference * broker.price_limit;
  return {rounded(reference - range), rounded(reference + range)};
}

namespace {

// floor(value / price) in multiples of step, exactly. Both above or equal 0; price > 0.
Decimal floor_quotient(Decimal value, Decimal price, Decimal step) {
  const auto steps = value.units() * Decimal::kScale / price.units() / step.units();
  return Decimal::of_units(steps * step.units());
}

}  // namespace

Decimal target_quantity(const Broker& broker, Decimal equity, Decimal held, Decimal close, Decimal weight) {
  if (weight.is_zero()) return -held;
  const Decimal invested = broker.lean ? equity * (Decimal(1) - Decimal::of_units(Decimal::kScale / 400)) : equity;
  const Decimal change = invested * weight - held * close, size = abs(change);
  const bool buys = change > Decimal{};
  const Decimal step = buys ? buy_step(broker) : broker.quantity_step;
  Decimal quantity = floor_quotient(size, close, step);
  if (broker.lean) {
    if (size < times_ratio(abs(equity), 1, 1000)) return {};
    while (quantity > Decimal{} && quantity * close + commission(broker, quantity, close) > size) quantity -= step;
  }
  return buys ? quantity : -quantity;
}

Decimal affordable(const Broker& broker, Decimal quantity, Decimal price, Decimal cash) {
  const auto pays = [&](Decimal size) { return size * price + commission(broker, size, price) <= cash; };
  if (pays(quantity)) return quantity;
  // What fewer shares cost is not more: halve between what fits and what does not.
  const Decimal::Units step = buy_step(broker).units();
  Decimal::Units fits = 0, too_many = quantity.units() / step;
  while (too_many - fits > 1) {
    const Decimal::Units middle = fits + (too_many - fits) / 2;
    (pays(Decimal::of_units(middle * step)) ? fits : too_many) = middle;
  }
  return Decimal::of_units(fits * step);
}

}  // namespace hadal::market
