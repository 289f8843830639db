// hadal market COMMAND ...: from files of prices to what can be believed about an idea.
#include "cli/market.h"

#include <algorithm>
#include <iterator>

#include "base/command.h"
#include "base/error.h"
#include "base/toml_table.h"
#include "cli/options.h"
#include "cli/verb.h"

namespace hadal {
namespace {

constexpr Verb kCommands[] = {
    {"demo", "the first five minutes: a signal found, noise seen through, a fund held", market_demo_command},
    {"import", "take files of prices, splits, dividends or memberships into a market", market_import_command},
    {"list", "the markets under markets/", market_list_command},
    {"show", "the bars of an instrument, as they were known at a time", market_show_command},
    {"check", "what is wrong or doubtful in a market, or what of a strategy sees the future", market_check_command},
    {"init", "a strategy to begin with, commented, that runs as it is", market_init_command},
    {"factors", "expressions over bars: what a strategy sees", market_factors_command},
    {"train", "fit a strategy's forecaster, window by window", market_train_command},
    {"backtest", "trade a strategy over its past, with every cost", market_backtest_command},
    {"report", "a run as a page of curves", market_report_command},
    {"memo", "a run in plain words, every number traced to a figure", market_memo_command},
    {"stats", "how sure one can be of a series of returns", market_stats_command},
    {"synth", "a made-up market, with a signal or faults in known places", market_synth_command},
};

std::string help() {
  std::string text = "hadal market: from files of prices to what can be believed about an idea\n\nusage: " +
                     command({"market", "COMMAND"}) + " [options]\n\n";
  for (const Verb& command : kCommands) text += fmt::format("  {:<12}{}\n", command.name, command.summary);
  return text + fmt::format("\n  {} --help   the options of a command\n", command({"market", "COMMAND"}));
}

}  // namespace

std::optional<market::Time> market_time(const std::string& text, const std::string& option) {
  if (text.empty()) return {};
  return market_usage([&] { return market::parse_time(text, option); });
}

std::optional<market::Date> market_date(const std::string& text, const std::string& option) {
  const auto time = market_time(text, option);
  if (!time) return {};
  return market::date_of(*time);
}

void print_words(std::string_view text) { print_text(without_controls(text)); }

std::string market_time_text(const market::Market& market, const std::string& symbol, const market::Bar& bar) {
  return market.is_daily(symbol) ? market::date_text(bar.session) : market::time_text(bar.time);
}

int market_command(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "--help";
  if (name == "--help" || name == "-h" || name == "help") {
    print_text(help());
    return 0;
  }
  const auto* command =
      std::find_if(std::begin(kCommands), std::end(kCommands), [&](const Verb& verb) { return verb.name == name; });
  if (name == "paper" || name == "optimize") {
    fmt::print(stderr, "hadal market: {} comes with a later version\n", name);
    return 2;
  }
  if (command == std::end(kCommands)) {
    std::vector<std::string> names;
    for (const Verb& verb : kCommands) names.emplace_back(verb.name);
    fmt::print(stderr, "hadal market: expected a command, found {} (did you mean {}?)\n\n{}", brief(name),
               nearest_word(name, names), help());
    return 2;
  }
  std::string title = "hadal market " + name;
  argv[1] = title.data();
  return command->run(argc - 1, argv + 1);
}

}  // namespace hadal
