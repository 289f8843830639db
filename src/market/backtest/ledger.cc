#include "market/backtest/ledger.h"

#include "base/error.h"

namespace hadal::market {

std::string_view text_of(LedgerEvent::Kind kind) {
  static constexpr std::string_view kNames[] = {"deposit",     "split",  "fraction", "dividend", "delisting",
                                                "rename",      "fill",   "fee",      "borrow",   "interest",
                                                "margin_call", "cancel", "reject"};
  return kNames[static_cast<size_t>(kind)];
}

void Ledger::post(LedgerEvent event, Decimal new_value, Decimal gain, Decimal::Units slack) {
  const Decimal before = equity();
  cash_ += event.amount;
  totals_[static_cast<size_t>(event.kind)] += event.amount;
  if (event.instrument >= 0) {
    Position& position = positions_[static_cast<size_t>(event.instrument)];
    positions_value_ += new_value - position.value;
    position.value = new_value;
  }
  event.date = date_, event.time = time_, event.cash = cash_;
  const Decimal::Units miss = (equity() - before - gain).units();
  if (miss > slack || miss < -slack)
    fail(
        "ledger: event {} ({} of instrument {}, quantity {}, price {}, {}): expected equity to change from {} by {}, "
        "found {}; this is a mistake in the program, please report it",
        events_.size() + 1, text_of(event.kind), event.instrument, event.quantity.text(), event.price.text(),
        date_text(date_), before.text(), gain.text(), equity().text());
  events_.push_back(event);
}

void Ledger::set_quantity(int32_t instrument, Decimal quantity) {
  Position& position = positions_[static_cast<size_t>(instrument)];
  position.quantity = quantity;
  if (quantity.is_zero() == (position.held_at < 0)) return;
  if (!quantity.is_zero()) {
    position.held_at = static_cast<int32_t>(held_.size());
    held_.push_back(instrument);
    return;
  }
  const int32_t last = held_.back();
  held_[static_cast<size_t>(position.held_at)] = last;
  positions_[static_cast<size_t>(last)].held_at = position.held_at;
  position.held_at = -1;
  held_.pop_back();
}

void Ledger::fill(int32_t instrument, Decimal quantity, Decimal price, Decimal fee) {
  Position& position = positions_[static_cast<size_t>(instrument)];
  if (!position.has_mark || position.held_at < 0) {  // marks of what is not held are not kept up
    position.mark = price;
    position.has_mark = true;
  }
  set_quantity(instrument, position.quantity + quantity);
  post({.kind = Kind::fill,
        .instrument = instrument,
        .quantity = quantity,
        .price = price,
        .amount = -(quantity * price)},
       position.quantity * position.mark, quantity * (position.mark - price), 2);
  if (!fee.is_zero()) post({.kind = Kind::fee, .instrument = instrument, .amount = -fee}, position.value, -fee, 0);
}

void Ledger::dividend(int32_t instrument, Decimal amount_a_share) {
  const Position& position = positions_[static_cast<size_t>(instrument)];
  const Decimal amount = position.quantity * amount_a_share;
  post({.kind = Kind::dividend,
        .instrument = instrument,
        .quantity = position.quantity,
        .price = amount_a_share,
        .amount = amount},
       position.value, amount, 0);
}

void Ledger::split(int32_t instrument, int64_t over, int64_t under, Decimal quantity, Decimal fraction, Decimal cash) {
  Position& position = positions_[static_cast<size_t>(instrument)];
  position.mark = times_ratio(position.mark, under, over);
  set_quantity(instrument, quantity);
  // The mark is rounded to a unit, for each share.
  const Decimal::Units slack = abs(quantity).units() / Decimal::kScale + 4;
  const LedgerEvent event{.kind = Kind::split, .instrument = instrument, .quantity = quantity, .price = position.mark};
  if (fraction.is_zero() && cash.is_zero()) return post(event, quantity * position.mark, {}, slack);
  post(event, position.value, {}, 0);  // between the two events the fraction is worth what will be paid for it
  post({.kind = Kind::fraction, .instrument = instrument, .quantity = fraction, .price = position.mark, .amount = cash},
       quantity * position.mark, {}, slack);
}

void Ledger::delist(int32_t instrument) {
  Position& position = positions_[static_cast<size_t>(instrument)];
  const Decimal quantity = position.quantity, amount = quantity * position.mark;
  set_quantity(instrument, {});
  post({.kind = Kind::delisting,
        .instrument = instrument,
        .quantity = -quantity,
        .price = position.mark,
        .amount = amount},
       {}, {}, 0);
}

void Ledger::note(Kind kind, int32_t instrument, Decimal quantity, Decimal price) {
  post({.kind = kind, .instrument = instrument, .quantity = quantity, .price = price}, position(instrument).value, {},
       0);
}

void Ledger::mark(int32_t instrument, Decimal close) {
  Position& position = positions_[static_cast<size_t>(instrument)];
  const Decimal value = position.quantity * close;
  positions_value_ += value - position.value;
  position.mark = close, position.value = value;
}

void Ledger::check_totals() const {
  Decimal amounts, values;
  for (const Decimal total : totals_) amounts += total;
  for (const int32_t instrument : held_) values += position(instrument).value;
  if (amounts != cash_ || values != positions_value_)
    fail(
        "ledger: close of {}, after event {}: expected cash {} and positions of {}, found {} and {}; this is a mistake "
        "in the program, please report it",
        date_text(date_), events_.size(), amounts.text(), values.text(), cash_.text(), positions_value_.text());
}

}  // namespace hadal::market
