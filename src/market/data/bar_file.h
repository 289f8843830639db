// Reads files of bars in the formats of vendors. What comes out is as it stood in the file, in its order, unchecked.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "market/data/records.h"
#include "market/data/segment.h"
#include "market/data/text_source.h"
#include "market/import.h"

namespace hadal::market {

struct RawBar {
  int64_t stamp = 0;  // as it stands in the file: microseconds of its clock, or its number
  Time time = 0;      // what the stamp names: microseconds of the clock there, or since 1970 in UTC
  double value[kNumValues];
};

// What a line of bars says beside its bar: a dividend, or new shares for an old one.
struct RawAction {
  size_t bar = 0;  // number of the bar
  Action::Kind kind = Action::Kind::dividend;
  Decimal value;
};

struct Series {
  std::string symbol;
  std::vector<RawBar> bars;
  std::vector<RawAction> actions;
  std::vector<int64_t> unit_changes;  // rows whose stamp is in another unit than the one before
};

struct BarFile {
  std::string format;
  Adjustment prices = Adjustment::raw;
  Stamps stamps = Stamps::days;
  bool is_number = false;  // stamps are numbers, not days and clocks
  bool is_local = true;    // times are of a clock that must be placed in a zone; else they are in UTC
  Time interval = 0;       // from bar to bar; kDay: daily ones; 0: not to be told
  bool stamped_by_end = false;
  bool has_volume = false, has_vwap = false;
  std::vector<Series> series;
  int64_t rows = 0;
  bool has_actions = false;          // columns for dividends or splits
  std::vector<std::string> ignored;  // what is in the file and was not read: names of columns, of Qlib's files
  std::string where_first;           // "prices.csv:2", for messages
};

// All entries of a .zip together. An empty file has no series. Error with file and line for what cannot be read.
BarFile read_bar_file(const Path& path, const ImportOptions& options);

// The same of one text alone.
BarFile read_bar_text(TextSource& source, const ImportOptions& options);

// The name without folder and the endings .gz .zst .zip .csv .txt: "spy".
std::string stem_of(const std::string& name);

}  // namespace hadal::market
