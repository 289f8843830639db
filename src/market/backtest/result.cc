// What a backtest leaves behind, as text and JSON.
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "market/backtest.h"
#include "market/backtest/ledger.h"

namespace hadal::market {
namespace {

std::string when(bool daily, Date date, Time time) { return daily ? date_text(date) : time_text(time); }

// Empty where there is nothing.
std::string text_or_nothing(Decimal value) { return value.is_zero() ? "" : value.text(); }

}  // namespace

std::vector<double> BacktestResult::returns() const {
  std::vector<double> returns;
  if (curve.size() < 2) return returns;
  returns.reserve(curve.size() - 1);
  double before = curve.front().equity.to_double();
  for (size_t i = 1; i < curve.size(); ++i) {
    const double after = curve[i].equity.to_double();
    returns.push_back(before > 0 ? after / before - 1 : 0);  // nothing is left to gain or lose on
    before = after;
  }
  return returns;
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
    if (event.instrument >= 0) text += names[static_cast<size_t>(event.instrument)];
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
    text +=
        fmt::format("{},{},{},{},{},{},{}\n", when(daily, date, time), symbols[static_cast<size_t>(order.instrument)],
                    order.quantity.text(), text_of(order.type), text_or_nothing(order.limit),
                    text_or_nothing(order.stop), kTifs[static_cast<size_t>(order.tif)]);
  return text;
}

std::string BacktestResult::fills_csv() const {
  std::string text = "time,symbol,quantity,price,fee,order\n";
  for (const Fill& fill : fills)
    text += fmt::format("{},{},{},{},{},{}\n", when(daily, fill.date, fill.time), fill.symbol, fill.quantity.text(),
                        fill.price.text(), fill.fee.text(), fill.order);
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
                   {"fills", std::move(list)},
                   {"start_equity", start_equity.text()},
                   {"end_equity", end_equity.text()},
                   {"fees", fees.text()},
                   {"borrow", borrow.text()},
                   {"interest", interest.text()},
                   {"dividends", dividends.text()},
                   {"slippage", slippage.text()},
                   {"ledger_sha256", ledger_sha256()},
                   {"bars", bars}};
  if (!has_ledger) json["ledger_sha256"] = nullptr;
  return json;
}

}  // namespace hadal::market
