#include "market/paper/status.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/clock.h"
#include "base/text.h"
#include "market/stats.h"

namespace hadal::market::paper {
namespace {

constexpr size_t kEnoughPast = 20, kCurvePoints = 250;

std::string shown_time(bool daily, Date date, Time time) { return daily ? date_text(date) : time_text(time); }

std::string now_text() { return time_text(static_cast<Time>(unix_seconds()) * kSecond); }

std::string same_but_dates(StrategyFile strategy) {
  strategy.start = strategy.end = {};
  return strategy.hash();
}

// Whether the run in this folder was of the same strategy; false too for what is no whole run.
bool is_run_of(const Path& run, const StrategyFile& strategy) {
  if (!std::filesystem::exists(run / "strategy.toml") || !std::filesystem::exists(run / "equity.csv")) return false;
  try {
    return same_but_dates(parse_strategy(read_file(run / "strategy.toml", 1 << 20), strategy.file)) ==
           same_but_dates(strategy);
  } catch (const Error&) {  // of an earlier version, or its files are gone: it says nothing here
    return false;
  }
}

std::vector<EquityAt> read_curve(const Path& file) {
  std::vector<EquityAt> curve;
  for_each_line(file, [&](std::string_view line, int64_t number) {
    if (number == 1) return true;
    const auto cells = split(line, ',');
    const auto day = parse_date(std::string_view(line).substr(0, 10));
    double equity = 0;
    if (cells.size() < 2 || !day) return true;
    const std::string& text = cells[1];
    if (std::from_chars(text.data(), text.data() + text.size(), equity).ec == std::errc())
      curve.push_back({*day, equity});
    return true;
  });
  return curve;
}

OrderedJson text_or_null(Decimal value) { return value.is_zero() ? OrderedJson(nullptr) : OrderedJson(value.text()); }

std::string_view tif_text(TimeInForce tif) { return tif == TimeInForce::gtc ? "GTC" : "DAY"; }

Decimal close_of(const TradingSession& trading, int32_t instrument) {
  const double close = trading.last_close(instrument);
  return std::isnan(close) ? Decimal() : Decimal::of_double(close);
}

OrderedJson positions_json(const TradingSession& trading) {
  OrderedJson list = OrderedJson::array();
  for (size_t i = 0; i < trading.num_instruments(); ++i) {
    const auto instrument = static_cast<int32_t>(i);
    const Decimal quantity = trading.quantity(instrument);
    if (quantity.is_zero()) continue;
    list.push_back({{"symbol", trading.symbol(instrument)},
                    {"quantity", quantity.text()},
                    {"close", close_of(trading, instrument).text()},
                    {"value", trading.value(instrument).text()}});
  }
  return list;
}

OrderedJson orders_json(const TradingSession& trading, bool daily) {
  OrderedJson list = OrderedJson::array();
  for (const auto& [number, item] : trading.open_orders()) {
    const Order& order = item.order;
    list.push_back({{"symbol", trading.symbol(order.instrument)},
                    {"quantity", order.quantity.text()},
                    {"type", text_of(order.type)},
                    {"limit", text_or_null(order.limit)},
                    {"stop", text_or_null(order.stop)},
                    {"tif", tif_text(order.tif)},
                    {"order", number},
                    {"decided", shown_time(daily, item.date, item.time)},
                    {"close", text_or_null(close_of(trading, order.instrument))}});
  }
  return list;
}

OrderedJson expected_json(const Expectation& e, const std::vector<EquityPoint>& points) {
  std::vector<EquityAt> curve;
  for (const EquityPoint& point : points) curve.push_back({point.date, point.equity.to_double()});
  const std::vector<double> returns = returns_of(curve);
  double came = 0;
  for (const double value : returns) came += value;
  const auto count = static_cast<double>(returns.size());
  OrderedJson json{{"run", e.run},   {"from", e.from}, {"to", e.to},   {"sessions", e.sessions},
                   {"mean", e.mean}, {"sd", e.sd},     {"came", came}, {"came_sessions", returns.size()}};
  json["expected"] = e.mean * count;
  json["z"] =
      e.sd > 0 && count > 0 ? OrderedJson((came - e.mean * count) / (e.sd * std::sqrt(count))) : OrderedJson(nullptr);
  return json;
}

OrderedJson curve_json(const std::vector<EquityPoint>& curve, bool daily) {
  OrderedJson list = OrderedJson::array();
  const size_t step = curve.size() / kCurvePoints + 1;
  for (size_t i = 0; i < curve.size(); ++i)
    if ((curve.size() - 1 - i) % step == 0)
      list.push_back({shown_time(daily, curve[i].date, curve[i].time), curve[i].equity.to_double()});
  return list;
}

}  // namespace

std::vector<double> returns_of(const std::vector<EquityAt>& curve) {
  size_t first = 1;
  while (first < curve.size() && curve[first].equity == curve[0].equity) ++first;
  std::vector<double> returns;
  for (size_t i = first; i < curve.size() && curve[i - 1].equity > 0; ++i)
    returns.push_back(curve[i].equity / curve[i - 1].equity - 1);
  return returns;
}

std::optional<Expectation> find_expectation(const StrategyFile& strategy, const Market& market, Date first) {
  const std::vector<Trial> trials = market.trials();
  for (auto trial = trials.rbegin(); trial != trials.rend(); ++trial) {
    if (trial->is_paper() || !is_run_of(trial->run, strategy)) continue;
    std::vector<EquityAt> curve = read_curve(Path(trial->run) / "equity.csv");
    const auto end = std::find_if(curve.begin(), curve.end(), [&](const EquityAt& p) { return p.date >= first; });
    if (returns_of({curve.begin(), end}).size() >= kEnoughPast) curve.erase(end, curve.end());
    const std::vector<double> returns = returns_of(curve);
    if (returns.size() < 2) continue;
    const Moments moments = moments_of(returns);
    return Expectation{trial->run,
                       date_text(curve.front().date),
                       date_text(curve.back().date),
                       static_cast<int64_t>(returns.size()),
                       moments.mean,
                       moments.sd};
  }
  return {};
}

OrderedJson status_json(const Status& status, const Account& account, bool daily) {
  const TradingSession& trading = account.trading();
  const auto& curve = account.curve();
  const bool begun = !curve.empty();
  OrderedJson json{{"strategy", status.strategy},
                   {"market", status.market},
                   {"profile", trading.broker().profile},
                   {"started", status.started},
                   {"updated", now_text()}};
  json["session"] = begun ? OrderedJson(shown_time(daily, curve.back().date, curve.back().time)) : OrderedJson(nullptr);
  json["sessions"] = curve.size();
  const Decimal start = trading.broker().cash;
  json["start_equity"] = start.text();
  json["equity"] = (begun ? trading.equity() : start).text();
  json["cash"] = (begun ? trading.cash() : start).text();
  json["positions"] = positions_json(trading);
  json["orders_next"] = orders_json(trading, daily);
  json["feed"] = status.feed.json();
  json["feed"]["source"] = status.source;
  json["feed"]["connected"] = status.connected;
  json["expected"] = status.expected ? expected_json(*status.expected, curve) : OrderedJson(nullptr);
  json["equity_curve"] = curve_json(curve, daily);
  json["finished"] = status.finished;
  return json;
}

std::string orders_next_csv(const Account& account, bool daily) {
  std::string text = "symbol,quantity,type,limit,stop,tif,order,decided,close\n";
  const auto shown = [](const OrderedJson& value) { return value.is_null() ? "" : value.get<std::string>(); };
  for (const OrderedJson& order : orders_json(account.trading(), daily))
    text +=
        fmt::format("{},{},{},{},{},{},{},{},{}\n", csv_field(shown(order.at("symbol"))), shown(order.at("quantity")),
                    shown(order.at("type")), shown(order.at("limit")), shown(order.at("stop")), shown(order.at("tif")),
                    order.at("order").get<int64_t>(), shown(order.at("decided")), shown(order.at("close")));
  return text;
}

}  // namespace hadal::market::paper
