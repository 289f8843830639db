// Import of files into a market: bars, splits, dividends, memberships of universes, and exchanges' sessions.
//
// Everything that the files of one call hold becomes visible at once, or, where one of them is wrong, nothing does.
// Bars that contradict themselves are quarantined: kept with the reason, and never seen by a view.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "market/market.h"

namespace hadal::market {

struct ImportOptions {
  std::string format = "auto";  // auto | yahoo | stooq | qlib | lean | binance | csv
  std::string kind = "bars";    // bars | splits | dividends | membership | sessions
  std::string symbol = {};      // of files without a column of symbols; of a membership: its list's name
  std::string calendar = {};    // whose sessions the bars are checked by; "": as the market has it
  std::string zone = {};        // of clock times that name none; "": the calendar's, else UTC
  std::map<std::string, std::string> columns = {};  // "close" -> "Last": names of columns that are not the usual ones
  std::string dates = {};                           // mdy | dmy: of days as 3/4/2020; "": as the file shows
  std::string prices = {};                          // raw | split | adjusted; "": as the format has them
  std::optional<Time> known_at = {};  // "": a bar at its end, a restatement and a vendor's adjusted price now
  double wait_seconds = 10;           // for another import to end
};

struct ImportedFile {
  std::string file, format, sha256;
  std::vector<std::string> symbols;
  int64_t rows = 0, accepted = 0, quarantined = 0;
  std::string first, last;  // days of daily bars, else times; "" without rows
};

struct ImportReport {
  std::string market;
  std::vector<ImportedFile> files;
  int64_t restated = 0;
  std::map<std::string, int64_t> issues;  // check code -> how often, of the instruments that the files touched
  std::vector<std::string> notes;         // what a user should know: of each file what was made of its prices, events
                                          // and columns that are not read; a reversed order
};

// "date=Date,close=Last"; Error naming the fields that there are.
std::map<std::string, std::string> parse_column_map(const std::string& text, const std::string& who);

// Makes the market where there is none. Throws Error, naming file and line, for what cannot be read; then nothing has
// changed.
ImportReport import_files(const std::string& market, const std::vector<Path>& files, const ImportOptions& options);

}  // namespace hadal::market
