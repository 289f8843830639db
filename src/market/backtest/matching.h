// One order against one bar: whether it fills, at what price, and what that costs. Pure functions.
#pragma once

#include <optional>

#include "market/backtest.h"

namespace hadal::market {

struct DecimalBar {
  Decimal open, high, low, close;
};
DecimalBar decimal_bar(const FeedBar& bar);

// The price before slippage, by the rules of OrderType; nothing where the order does not fill. `triggered`: that the
// stop of a stop_limit was reached, before this bar or, afterwards, in it.
std::optional<Decimal> fill_price(const Order& order, bool& triggered, const DecimalBar& bar, bool lean);

bool slips(OrderType type);  // market, on_open, on_close, stop

// The price after slippage, and on a tick.
Decimal slipped_price(const Broker& broker, Decimal price, Decimal quantity, double volume);
Decimal commission(const Broker& broker, Decimal quantity, Decimal price);

Decimal toward_zero(Decimal quantity, Decimal step);  // to a multiple of `step`
Decimal buy_step(const Broker& broker);               // what buys are multiples of

// How much an instrument may trade in a bar.
Decimal participation_cap(const Broker& broker, double volume);

// Upper and lower limit of prices after `reference`, the last close without today's dividends.
struct PriceLimits {
  Decimal lower, upper;
};
PriceLimits price_limits(const Broker& broker, Decimal reference);

// The quantity that brings a position to `weight` of `equity`: see TradingSession::order_target.
Decimal target_quantity(const Broker& broker, Decimal equity, Decimal held, Decimal close, Decimal weight);

// The largest buy of at most `quantity` that `cash` pays for, its fee included.
Decimal affordable(const Broker& broker, Decimal quantity, Decimal price, Decimal cash);

}  // namespace hadal::market
