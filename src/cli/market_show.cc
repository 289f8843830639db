// The bars of an instrument, or what a market holds.
#include <cmath>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/market.h"
#include "cli/options.h"

namespace hadal {
namespace {

using market::Bar;
using market::Market;
using market::Query;

std::string figure(double value, int digits) { return std::isnan(value) ? "-" : fmt::format("{:.{}g}", value, digits); }

int show_market(const Market& m, const std::string& name, const Query& query, bool json) {
  OrderedJson array = OrderedJson::array();
  std::string text;
  for (const std::string& symbol : m.symbols()) {
    const std::vector<Bar> bars = m.bars(symbol, query);
    const std::string first = bars.empty() ? "" : market_time_text(m, symbol, bars.front());
    const std::string last = bars.empty() ? "" : market_time_text(m, symbol, bars.back());
    const auto shown = [](const std::string& time) { return time.empty() ? OrderedJson(nullptr) : OrderedJson(time); };
    array.push_back({{"symbol", symbol}, {"bars", bars.size()}, {"first", shown(first)}, {"last", shown(last)}});
    const std::string count = counted(static_cast<int64_t>(bars.size()), "bar");
    text += bars.empty() ? fmt::format("{:<16} {:>14}\n", symbol, count)
                         : fmt::format("{:<16} {:>14}  {} to {}\n", symbol, count, first, last);
  }
  if (json)
    print_json(OrderedJson{{"market", m.name()}, {"calendar", m.calendar()}, {"instruments", array}});
  else
    print_words(fmt::format("{}\nNext: {}\n", text,
                            command({"market", "show", name, m.symbols().empty() ? "SYMBOL" : m.symbols().front()})));
  return 0;
}

std::string table_of(const Market& m, const std::string& symbol, const std::vector<Bar>& bars, size_t shown) {
  std::string text =
      fmt::format("{:<22}{:>14}{:>14}{:>14}{:>14}{:>16}\n", "time", "open", "high", "low", "close", "volume");
  if (shown < bars.size())
    text += fmt::format("... {} bars before; --from and --to choose others\n", bars.size() - shown);
  for (size_t i = bars.size() - shown; i < bars.size(); ++i) {
    const Bar& bar = bars[i];
    text += fmt::format("{:<22}{:>14}{:>14}{:>14}{:>14}{:>16}\n", market_time_text(m, symbol, bar), figure(bar.open, 6),
                        figure(bar.high, 6), figure(bar.low, 6), figure(bar.close, 6), figure(bar.volume, 8));
  }
  return text;
}

}  // namespace

int market_show_command(int argc, char** argv) {
  CommandLine app("Shows an instrument's bars as they were known at a time; without a symbol, what the market holds.");
  std::string name, symbol, as_of, prices = "raw", from, to;
  bool json = false;
  app.add_option("MARKET", name, "its name under markets/, or a path").required();
  app.add_option("SYMBOL", symbol, "any symbol that the instrument had");
  app.add_option("--as-of", as_of, "only what was known then: a date (to its end, UTC) or an ISO time");
  app.add_option("--prices", prices, "as traded, without splits, total return from the first bar on, or as vendors do")
      .one_of({"raw", "split", "forward", "back"})
      .show_default();
  app.add_option("--from", from, "the first day");
  app.add_option("--to", to, "the last day");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  Query query;
  query.as_of = market_time(as_of, "--as-of").value_or(market::kEver);
  query.prices = market::prices_of(prices, "--prices");
  query.from = market_date(from, "--from"), query.to = market_date(to, "--to");
  const Market m = Market::open(name);
  if (symbol.empty()) return show_market(m, name, query, json);

  const std::string last_symbol = m.resolve(symbol);
  const std::vector<Bar> bars = m.bars(last_symbol, query);
  if (json) {
    OrderedJson array = OrderedJson::array();
    for (const Bar& bar : bars)
      array.push_back({{"time", market_time_text(m, last_symbol, bar)},
                       {"open", bar.open},
                       {"high", bar.high},
                       {"low", bar.low},
                       {"close", bar.close},
                       {"volume", bar.volume}});
    print_json(OrderedJson{{"symbol", last_symbol}, {"prices", prices}, {"bars", array}});
    return 0;
  }
  constexpr size_t kShown = 20;
  const size_t shown = from.empty() && to.empty() ? std::min(kShown, bars.size()) : bars.size();
  const std::string stored = market::stored_prices_text(m, {last_symbol});
  const std::string kind = prices == "raw" ? stored : prices + " prices";
  print_words(fmt::format("{}, {}{}\n{}\nNext: {}\n", last_symbol, kind,
                          prices == "back" ? " (a look-ahead: later dividends rewrite them)" : "",
                          bars.empty() ? "no bars were known\n" : table_of(m, last_symbol, bars, shown),
                          command({"market", "check", name})));
  return 0;
}

}  // namespace hadal
