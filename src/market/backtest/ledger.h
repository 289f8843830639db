// Cash, positions and events of an account. Each event says by how much equity (cash + positions at their marks) should
// change; what it did is then compared with that, and cash with the sum of all amounts: an Error names the event that
// does not conserve them.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "market/backtest.h"

namespace hadal::market {

class Ledger {
 public:
  using Kind = LedgerEvent::Kind;
  struct Position {
    Decimal quantity, mark, value;  // mark: the last close; value = quantity * mark
    bool has_mark = false;
    int32_t held_at = -1;  // its place in held()
  };

  explicit Ledger(size_t num_instruments) : positions_(num_instruments) {}

  void set_time(Date date, Time time) { date_ = date, time_ = time; }  // of what follows

  void deposit(Decimal amount) { post({.kind = Kind::deposit, .amount = amount}, {}, amount, 0); }
  void fill(int32_t instrument, Decimal quantity, Decimal price, Decimal fee);
  void dividend(int32_t instrument, Decimal amount_a_share);
  // `quantity`: what is held after it; `cash`: for the fraction that is left.
  void split(int32_t instrument, int64_t over, int64_t under, Decimal quantity, Decimal fraction, Decimal cash);
  void delist(int32_t instrument);  // pays the position at its mark
  void charge(Kind kind, Decimal amount) { post({.kind = kind, .amount = amount}, {}, amount, 0); }
  void note(Kind kind, int32_t instrument, Decimal quantity = {}, Decimal price = {});  // no money moves

  void mark(int32_t instrument, Decimal close);
  void check_totals() const;  // sums of everything against what was carried along

  Decimal cash() const { return cash_; }
  Decimal equity() const { return cash_ + positions_value_; }
  Decimal total(Kind kind) const { return totals_[static_cast<size_t>(kind)]; }
  const Position& position(int32_t instrument) const { return positions_[static_cast<size_t>(instrument)]; }
  std::span<const int32_t> held() const { return held_; }
  const std::vector<LedgerEvent>& events() const { return events_; }
  std::vector<LedgerEvent> take_events() { return std::move(events_); }

 private:
  static constexpr size_t kNumKinds = static_cast<size_t>(Kind::reject) + 1;

  // Books `event.amount` and, for an instrument, its new value. `slack`: units by which rounding may differ.
  void post(LedgerEvent event, Decimal new_value, Decimal gain, Decimal::Units slack);
  void set_quantity(int32_t instrument, Decimal quantity);

  std::vector<Position> positions_;
  std::vector<int32_t> held_;
  std::vector<LedgerEvent> events_;
  std::array<Decimal, kNumKinds> totals_;
  Decimal cash_, positions_value_;
  Date date_ = 0;
  Time time_ = 0;
};

std::string_view text_of(LedgerEvent::Kind kind);

}  // namespace hadal::market
