// The commands of `hadal market`, a file each; the table stands in market.cc. Each gets its own arguments, argv[0]
// being "hadal market COMMAND", as verbs do (verb.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/json_fwd.h"
#include "cli/verb.h"
#include "market/market.h"

namespace hadal {

int market_backtest_command(int argc, char** argv);
int market_check_command(int argc, char** argv);
int market_demo_command(int argc, char** argv);
int market_factors_command(int argc, char** argv);
int market_import_command(int argc, char** argv);
int market_init_command(int argc, char** argv);
int market_list_command(int argc, char** argv);
int market_memo_command(int argc, char** argv);
int market_optimize_command(int argc, char** argv);
int market_paper_command(int argc, char** argv);
int market_report_command(int argc, char** argv);
int market_show_command(int argc, char** argv);
int market_stats_command(int argc, char** argv);
int market_synth_command(int argc, char** argv);
int market_train_command(int argc, char** argv);

// hadal market check STRATEGY.toml --lookahead
int market_check_lookahead(const std::string& strategy, int64_t samples, bool json);

// Runs a command; a stop by a signal is said and becomes 3.
int market_exit_code(const std::string& name, const std::function<int()>& run);

// Calls f(), which reads a value of the command line: what it finds wrong is a UsageError.
template <typename F>
auto market_usage(F&& f) {
  try {
    return f();
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

// "--as-of" and "--from": a date or an ISO time; nothing for "". UsageError for another text.
std::optional<market::Time> market_time(const std::string& text, const std::string& option);
std::optional<market::Date> market_date(const std::string& text, const std::string& option);
// Text for people: control characters of names and paths are shown as U+FFFD.
void print_words(std::string_view text);
// The same beside a file that was written to `out` ("": none): to standard error where `out` is a pipe or a device,
// such as /dev/stdout, so that nothing mixes with what was written there.
void print_words_of(const Path& out, std::string_view text);
std::string shown_number(double value, int digits);  // "-" where it is missing
// UsageError where a file that is to be written would stand within a market's own folder.
void check_out(const Path& out);
// A bar's time as it is shown: the day of a daily bar, else the time of its end.
std::string market_time_text(const market::Market& market, const std::string& symbol, const market::Bar& bar);

}  // namespace hadal
