// The markets under markets/.
#include "base/error.h"
#include "base/json.h"
#include "cli/market.h"
#include "cli/options.h"

namespace hadal {

int market_list_command(int argc, char** argv) {
  CommandLine app("Lists the markets under markets/.");
  bool json = false;
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  OrderedJson array = OrderedJson::array();
  std::string text;
  const auto day = [](std::optional<market::Date> date) { return date ? market::date_text(*date) : std::string(); };
  std::string last;
  for (const market::MarketSummary& m : market::list_markets()) {
    array.push_back({{"name", m.name},
                     {"instruments", m.instruments},
                     {"bars", m.bars},
                     {"first", m.first ? OrderedJson(day(m.first)) : OrderedJson(nullptr)},
                     {"last", m.last ? OrderedJson(day(m.last)) : OrderedJson(nullptr)},
                     {"trials", m.trials}});
    text += fmt::format("{:<20}{:>8} instruments{:>12} bars  {:<10} to {:<10}{:>6} trials\n", without_controls(m.name),
                        m.instruments, m.bars, day(m.first), day(m.last), m.trials);
    last = m.name;
  }
  if (json) {
    print_json(OrderedJson{{"markets", array}});
    return 0;
  }
  print_text(last.empty() ? "There are no markets yet. Next: hadal market import NAME FILE...\n"
                          : fmt::format("{}\nNext: hadal market show {}\n", text, without_controls(last)));
  return 0;
}

}  // namespace hadal
