// The markets under markets/.
#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
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
  const std::vector<market::MarketSummary> markets = market::list_markets();
  int damaged = 0;
  for (const market::MarketSummary& m : markets) {
    if (!m.damage.empty()) {
      ++damaged;
      array.push_back({{"name", m.name},
                       {"instruments", nullptr},
                       {"bars", nullptr},
                       {"first", nullptr},
                       {"last", nullptr},
                       {"trials", nullptr},
                       {"damage", m.damage}});
      text += fmt::format("{:<20} damaged: {}\n", m.name, m.damage);
      continue;
    }
    array.push_back({{"name", m.name},
                     {"instruments", m.instruments},
                     {"bars", m.bars},
                     {"first", m.first ? OrderedJson(day(m.first)) : OrderedJson(nullptr)},
                     {"last", m.last ? OrderedJson(day(m.last)) : OrderedJson(nullptr)},
                     {"trials", m.trials}});
    if (m.instruments == 0) {
      text += fmt::format("{:<20} empty: no import into it has ended; import its files again\n", m.name);
      continue;
    }
    text += fmt::format("{:<20}{:>20}{:>17}  {:<10} to {:<10}{:>13}\n", m.name, counted(m.instruments, "instrument"),
                        counted(m.bars, "bar"), day(m.first), day(m.last), counted(m.trials, "trial"));
    last = m.name;
  }
  if (json)
    print_json(OrderedJson{{"markets", array}});
  else if (markets.empty())
    print_words(fmt::format("There are no markets yet. Next: {}\n", command({"market", "import", "NAME", "FILE..."})));
  else
    print_words(text + (last.empty() ? "" : fmt::format("\nNext: {}\n", command({"market", "show", last}))));
  return damaged > 0 ? 1 : 0;
}

}  // namespace hadal
