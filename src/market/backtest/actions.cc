// Corporate actions: what they do to positions and open orders.
#include <algorithm>

#include "base/error.h"
#include "market/backtest/engine.h"

namespace hadal::market {
namespace {

// A dividend is for a share as of the day before, so it comes before a split of the same day.
int rank_of(const FeedAction& a) {
  switch (a.action.kind) {
    case Action::Kind::dividend:
      return 0;
    case Action::Kind::split:
      return 1;
    case Action::Kind::rename:
      return 2;
    case Action::Kind::delisting:
      return 3;
  }
  return 4;
}

}  // namespace

void TradingSession::Impl::apply_actions() {
  if (actions.empty()) return;
  std::stable_sort(actions.begin(), actions.end(),
                   [](const FeedAction& a, const FeedAction& b) { return rank_of(a) < rank_of(b); });
  for (const auto& [instrument, action] : actions) {
    switch (action.kind) {
      case Action::Kind::dividend: {
        Traded& t = traded[static_cast<size_t>(instrument)];
        if (t.dividend_session != session) t.dividend = {};
        t.dividend_session = session;
        t.dividend += action.amount;
        if (!ledger.position(instrument).quantity.is_zero()) ledger.dividend(instrument, action.amount);
        break;
      }
      case Action::Kind::split:
        apply_split(instrument, action);
        break;
      case Action::Kind::rename:
        apply_rename(instrument, action);
        break;
      case Action::Kind::delisting:
        apply_delisting(instrument);
        break;
    }
  }
  actions.clear();
}

void TradingSession::Impl::apply_split(int32_t instrument, const Action& action) {
  const int64_t over = action.over, under = action.under;
  if (over <= 0 || under <= 0 || over > 1'000'000 || under > 1'000'000)
    fail("{}: split of {}: expected whole numbers from 1 to 1000000, found {}:{}; check the action", date_text(date),
         brief(symbols[static_cast<size_t>(instrument)]), over, under);
  LastBar& bar = last[static_cast<size_t>(instrument)];
  double& old_close = bar.session == session ? bar.previous_close : bar.bar.close;
  old_close = old_close * static_cast<double>(under) / static_cast<double>(over);
  Traded& t = traded[static_cast<size_t>(instrument)];
  if (t.dividend_session == session) t.dividend = times_ratio(t.dividend, under, over);

  const Ledger::Position& position = ledger.position(instrument);
  if (const Decimal held = position.quantity; !held.is_zero()) {
    const Decimal::Units step = broker.quantity_step.units(), product = held.units() * over;
    const Decimal::Units steps = product / (step * under), rest = product - steps * step * under;
    // The rest is rest / under shares at mark * under / over: rounded once.
    const Decimal cash =
        times_ratio(Decimal::of_units(rest), static_cast<int64_t>(position.mark.units()), over * Decimal::kScale);
    ledger.split(instrument, over, under, Decimal::of_units(steps * step), Decimal::of_units(rest / under), cash);
  }
  for (OpenOrder& order : open) {
    if (order.order.instrument != instrument) continue;
    order.rest = toward_zero(times_ratio(order.rest, over, under), broker.quantity_step);
    order.order.limit = times_ratio(order.order.limit, under, over);
    order.order.stop = times_ratio(order.order.stop, under, over);
  }
  std::erase_if(open, [&](const OpenOrder& order) {
    if (order.rest.is_zero()) ledger.note(LedgerEvent::Kind::cancel, instrument);
    return order.rest.is_zero();
  });
}

void TradingSession::Impl::apply_delisting(int32_t instrument) {
  cancel_all(instrument);
  if (!ledger.position(instrument).quantity.is_zero()) ledger.delist(instrument);
}

void TradingSession::Impl::apply_rename(int32_t instrument, const Action& action) {
  symbols[static_cast<size_t>(instrument)] = action.symbol;
  renames.emplace_back(ledger.events().size(), action.symbol);
  ledger.note(LedgerEvent::Kind::rename, instrument);
}

}  // namespace hadal::market
