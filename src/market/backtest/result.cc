// What a backtest leaves behind, as text and JSON.
#include <algorithm>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "market/backtest.h"
#include "market/backtest/ledger.h"

namespace hadal::market {
namespace {

std::string when(bool daily, Date date, Time time) { return daily ? date_text(date) : time_text(time); }

// Empty where there is nothing.
std::string text_or_nothing(Decimal value) { return value.is_zero() ? "" : value.text(); }

}  // namespace

std::optional<size_t> BacktestResult::ruin() const {
  const auto found =
      std::find_if(curve.begin(), curve.end(), [](const EquityPoint& p) { return p.equity <= Decimal{}; });
  if (found == curve.end()) return {};
  return static_cast<size_t>(found - curve.begin());
}

size_t BacktestResult::num_points() const {
  const auto at = ruin();
  return at ? *at + 1 : curve.size();
}

Decimal BacktestResult::last_equity() const { return curve.empty() ? start_equity : curve[num_points() - 1].equity; }

std::vector<double> BacktestResult::returns() const {
  std::vector<double> returns;
  const size_t end = num_points();
  for (size_t i = first_decision + 1; i < end; ++i)
    returns.push_back(curve[i].equity.to_double() / curve[i - 1].equity.to_double() - 1);
  return returns;
}

int64_t BacktestResult::refused() const {
  return std::count_if(events.begin(), events.end(),
                       [](const LedgerEvent& event) { return event.kind == LedgerEvent::Kind::reject; });
}

double BacktestResult::periods_a_year() const {
  size_t sessions = 0;
  for (size_t i = 0; i < curve.size(); ++i) sessions += i == 0 || curve[i].date != curve[i - 1].date ? 1 : 0;
  return sessions == 0 ? 252 : 252 * static_cast<double>(curve.size()) / static_cast<double>(sessions);
}

std::string BacktestResult::ledger_text() const {
  std::string text;
  std::vector<std::string> names = symbols;
  auto rename = renames.begin();
  for (size_t i = 0; i < events.size(); ++i) {
    const LedgerEvent& event = events[i];
    for (; rename != renames.end() && rename->first == i; ++rename)
      names[static_cast<size_t>(event.instrument)] = rename->second;
    text += when(daily, event.date, event.time);
    text += ',';
    text += text_of(event.kind);
    text += ',';
    if (event.instrument >= 0) text += csv_field(names[static_cast<size_t>(event.instrument)]);
    for (const Decimal field : {event.quantity, event.price}) {
      text += ',';
      text += text_or_nothing(field);
    }
    text += ',';
    text += event.amount.text();
    text += ',';
    text += event.cash.text();
    text += '\n';
  }
  return text;
}

std::string BacktestResult::ledger_sha256() const { return has_ledger ? sha256(ledger_text()) : ""; }

std::string BacktestResult::orders_csv() const {
  static constexpr std::string_view kTifs[] = {"DAY", "GTC"};
  std::string text = "date,symbol,quantity,type,limit,stop,tif\n";
  for (const auto& [order, date, time] : orders)
    text += fmt::format("{},{},{},{},{},{},{}\n", when(daily, date, time),
                        csv_field(symbols[static_cast<size_t>(order.instrument)]), order.quantity.text(),
                        text_of(order.type), text_or_nothing(order.limit), text_or_nothing(order.stop),
                        kTifs[static_cast<size_t>(order.tif)]);
  return text;
}

std::string BacktestResult::fills_csv() const {
  std::string text = "time,symbol,quantity,price,fee,order\n";
  for (const Fill& fill : fills)
    text += fmt::format("{},{},{},{},{},{}\n", when(daily, fill.date, fill.time), csv_field(fill.symbol),
                        fill.quantity.text(), fill.price.text(), fill.fee.text(), fill.order);
  return text;
}

std::string BacktestResult::equity_csv() const {
  std::string text = "time,equity,cash,longs,shorts\n";
  for (const EquityPoint& point : curve)
    text += fmt::format("{},{},{},{},{}\n", when(daily, point.date, point.time), point.equity.text(), point.cash.text(),
                        (point.equity - point.cash + point.shorts).text(), point.shorts.text());
  return text;
}

OrderedJson BacktestResult::json() const {
  OrderedJson list = OrderedJson::array();
  for (const Fill& fill : fills)
    list.push_back({{"time", when(daily, fill.date, fill.time)},
                    {"symbol", fill.symbol},
                    {"quantity", fill.quantity.text()},
                    {"price", fill.price.text()},
                    {"fee", fill.fee.text()},
                    {"order", fill.order}});
  OrderedJson json{{"orders", orders.size()},
                   {"refused", refused()},
                   {"fills", std::move(list)},
                   {"start_equity", start_equity.text()},
                   {"end_equity", end_equity.text()},
                   {"fees", fees.text()},
                   {"borrow", borrow.text()},
                   {"interest", interest.text()},
                   {"dividends", dividends.text()},
                   {"slippage", slippage.text()},
                   {"ledger_sha256", ledger_sha256()},
                   {"bars", bars},
                   {"ruined", nullptr}};
  if (const auto at = ruin())
    json["ruined"] = {{"time", when(daily, curve[*at].date, curve[*at].time)}, {"equity", curve[*at].equity.text()}};
  if (!has_ledger) json["ledger_sha256"] = nullptr;
  return json;
}

}  // namespace hadal::market
