// What is wrong or doubtful in a market.
#include <algorithm>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/market.h"
#include "cli/options.h"
#include "market/checks.h"

namespace hadal {
namespace {

OrderedJson json_of(const market::CheckReport& report) {
  OrderedJson counts = OrderedJson::object(), issues = OrderedJson::array();
  for (const auto& [code, count] : report.counts) counts[code] = count;
  for (const market::Issue& issue : report.issues)
    issues.push_back({{"code", issue.code},
                      {"severity", issue.is_error ? "error" : "warning"},
                      {"symbol", issue.symbol},
                      {"time", issue.time},
                      {"detail", issue.detail}});
  return {{"bars", report.bars}, {"instruments", report.instruments}, {"counts", counts}, {"issues", issues}};
}

std::string text_of(const market::CheckReport& report, const std::string& name) {
  constexpr size_t kShown = 40;
  std::string text = fmt::format("{} of {}\n", counted(report.bars, "bar"), counted(report.instruments, "instrument"));
  for (const auto& [code, count] : report.counts) text += fmt::format("  {:<22}{:>8}\n", code, count);
  const std::string next = command({"market", "init", name});
  if (report.issues.empty()) return text + fmt::format("Nothing to complain of. Next: {}\n", next);
  text += "\n";
  for (size_t i = 0; i < std::min(kShown, report.issues.size()); ++i) {
    const market::Issue& issue = report.issues[i];
    text += fmt::format("{:<8}{:<12} {:<22} {:<21} {}\n", issue.is_error ? "error" : "warning", issue.symbol,
                        market::time_in_words(issue), issue.code, issue.detail);
  }
  if (report.issues.size() > kShown)
    text += fmt::format("... and {} more; --json lists all\n", report.issues.size() - kShown);
  return text + fmt::format("\nBars with errors are quarantined: no view shows them. Next: {}\n", next);
}

}  // namespace

int market_check_command(int argc, char** argv) {
  CommandLine app(
      "Looks for what is wrong or doubtful in a market's bars, actions and memberships; or, with --lookahead, for what "
      "of "
      "a strategy sees the future: it is computed again on data that ends at sampled times, or is scrambled behind "
      "them.");
  std::string name;
  bool json = false, lookahead = false;
  int64_t samples = 20;
  app.add_option("MARKET", name, "a market, by its name under markets/ or its path; or a strategy's TOML file")
      .required();
  const Option look =
      app.add_flag("--lookahead", lookahead, "of a strategy's file: does anything in it see the future?");
  app.add_option("--samples", samples, "of how many times")
      .range(int64_t{1}, int64_t{10'000})
      .show_default()
      .needs(look);
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (lookahead) return market_check_lookahead(name, samples, json);
  if (name.ends_with(".toml"))
    throw UsageError(fmt::format("{}: a strategy is checked with --lookahead; expected a market", name));
  const market::CheckReport report = market::check_market(market::Market::open(name));
  if (json)
    print_json(json_of(report));
  else
    print_words(text_of(report, name));
  return 0;
}

}  // namespace hadal
