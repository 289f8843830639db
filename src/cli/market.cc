// hadal market COMMAND ...: from files of prices to what can be believed about an idea.
#include "cli/market.h"

#include <cmath>

#include "base/error.h"
#include "base/paths.h"
#include "cli/options.h"
#include "cli/training_process.h"
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
    {"paper", "trade a strategy on bars as they come, without money: tomorrow's orders to read", market_paper_command},
    {"optimize", "what to hold, given means, risks, costs and limits: a convex quadratic program",
     market_optimize_command},
    {"report", "a run as a page of curves", market_report_command},
    {"memo", "a run in plain words, every number traced to a figure", market_memo_command},
    {"stats", "how sure one can be of a series of returns", market_stats_command},
    {"synth", "a made-up market, with a signal or faults in known places", market_synth_command},
};

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

std::string shown_number(double value, int digits) {
  return std::isnan(value) ? "-" : fmt::format("{:.{}f}", value, digits);
}

void print_words_of(const Path& out, std::string_view text) {
  if (!out.empty() && is_written_through(out))
    say(without_controls(text));
  else
    print_words(text);
}

void check_out(const Path& out) {
  const Path folder = std::filesystem::weakly_canonical(std::filesystem::absolute(out)).parent_path();
  for (const Path& at : {folder, folder.parent_path()})  // a market is a market.db and a folder of bars
    if (std::filesystem::exists(at / "market.db"))
      throw UsageError(fmt::format("--out: expected a file outside of a market, found {} in {}, which holds one",
                                   out.string(), at.string()));
}

std::string market_time_text(const market::Market& market, const std::string& symbol, const market::Bar& bar) {
  return market.is_daily(symbol) ? market::date_text(bar.session) : market::time_text(bar.time);
}

int market_command(int argc, char** argv) {
  return run_command_of("market", "from files of prices to what can be believed about an idea", kCommands, argc, argv);
}

}  // namespace hadal
