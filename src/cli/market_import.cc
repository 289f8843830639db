// Takes files into a market, and says what it took them for.
#include "market/import.h"

#include <algorithm>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/market.h"
#include "cli/options.h"
#include "market/calendar.h"

namespace hadal {
namespace {

OrderedJson json_of(const market::ImportReport& report) {
  OrderedJson files = OrderedJson::array();
  for (const market::ImportedFile& file : report.files)
    files.push_back({{"file", file.file},
                     {"format", file.format},
                     {"sha256", file.sha256},
                     {"symbols", file.symbols},
                     {"rows", file.rows},
                     {"accepted", file.accepted},
                     {"quarantined", file.quarantined},
                     {"first", file.first.empty() ? OrderedJson(nullptr) : OrderedJson(file.first)},
                     {"last", file.last.empty() ? OrderedJson(nullptr) : OrderedJson(file.last)}});
  OrderedJson issues = OrderedJson::object();
  for (const auto& [code, count] : report.issues) issues[code] = count;
  return {{"market", report.market},
          {"files", files},
          {"restated", report.restated},
          {"issues", issues},
          {"notes", report.notes}};
}

std::string symbols_text(const std::vector<std::string>& symbols) {
  constexpr size_t kShown = 4;
  std::string text;
  for (size_t i = 0; i < std::min(symbols.size(), kShown); ++i) text += (i > 0 ? ", " : "") + symbols[i];
  return symbols.size() > kShown ? fmt::format("{} and {} more", text, symbols.size() - kShown) : text;
}

std::string text_of(const market::ImportReport& report, const std::string& name, const std::string& kind) {
  std::string text;
  for (const market::ImportedFile& file : report.files) {
    text += fmt::format("{}\n  {} of {}: {}, {} accepted, {} quarantined", file.file, kind, file.format,
                        counted(file.rows, "row"), file.accepted, file.quarantined);
    if (!file.first.empty()) text += fmt::format(", {} to {}", file.first, file.last);
    text += fmt::format("\n  {}\n", symbols_text(file.symbols));
  }
  if (report.restated > 0) text += fmt::format("{} restated: both versions are kept\n", report.restated);
  if (report.issues.empty())
    return text + fmt::format("\nNothing to complain of. Next: {}\n", command({"market", "init", name}));
  text += "\nFound in these instruments:\n";
  for (const auto& [code, count] : report.issues) text += fmt::format("  {:<22}{:>8}\n", code, count);
  return text + fmt::format("\nNext: {}\n", command({"market", "check", name}));
}

}  // namespace

int market_import_command(int argc, char** argv) {
  CommandLine app(
      "Takes files into a market: bars, splits, dividends, memberships or sessions (.csv .gz .zst .zip, or "
      "Qlib's folder). The shape is recognised and said. All of the files are taken, or none.");
  std::string name, map, known_at;
  std::vector<std::string> files;
  market::ImportOptions options;
  bool json = false;
  app.add_option("MARKET", name, "its name under markets/, or a path").required();
  app.add_option("FILE", files, "files to take").required();
  app.add_option("--format", options.format, "whose format they have")
      .one_of({"auto", "yahoo", "stooq", "qlib", "lean", "binance", "csv"})
      .show_default();
  app.add_option("--kind", options.kind, "what they hold")
      .one_of({"bars", "splits", "dividends", "membership", "sessions"})
      .show_default();
  app.add_option("--symbol", options.symbol, "of files without a column of symbols; of a membership, its list's name");
  app.add_option("--calendar", options.calendar, "whose sessions bars are checked by: XNYS XNAS XLON XHKG XSHG 24/7");
  app.add_option("--zone", options.zone, "of clock times that name none, as Europe/London");
  app.add_option("--map", map, "names of columns that are not the usual ones: date=Date,close=Last");
  app.add_option("--dates", options.dates, "of dates as 3/4/2020: month first or day first; default: as the file shows")
      .one_of({"mdy", "dmy"});
  app.add_option("--prices", options.prices, "what the prices are; default: as the format has them")
      .one_of({"raw", "split", "adjusted"});
  app.add_option("--known-at", known_at, "since when they are known, a date or an ISO time");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (!map.empty()) options.columns = market_usage([&] { return market::parse_column_map(map, "--map"); });
  if (!known_at.empty()) options.known_at = market_time(known_at, "--known-at");
  if (!options.calendar.empty()) market_usage([&] { return market::Calendar::find(options.calendar, "--calendar"); });
  if (!options.zone.empty()) market_usage([&] { return market::Zone(options.zone, "--zone"); });

  const market::ImportReport report = market::import_files(name, {files.begin(), files.end()}, options);
  for (const std::string& note : report.notes) log_info("{}", without_controls(note));
  if (json)
    print_json(json_of(report));
  else
    print_words(text_of(report, name, options.kind));
  return 0;
}

}  // namespace hadal
