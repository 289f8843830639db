// What stands beside LEAN's bars: factor files (splits and dividends) and map files (symbols).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "market/calendar.h"
#include "market/data/records.h"
#include "market/data/segment.h"

namespace hadal::market {

struct LeanEvents {
  std::vector<Action> actions;
  std::vector<VendorFactor> factors;
  std::vector<SymbolSpell> spells;  // empty without a map file
  std::string note;                 // which files were read and what they hold
};

// Of the bars of `bars_file` (.../daily/spy.zip), in `bars`: from ../factor_files/spy.csv and ../map_files/spy.csv,
// where they are. What a line ends is effective on the next bar or the exchange's next session, whichever is earlier.
LeanEvents read_lean_events(const Path& bars_file, const RunView& bars, const Calendar& exchange);

// The fraction for a ratio that is known to few digits: with a denominator up to 20, within 1e-4; else nothing.
std::optional<std::pair<int64_t, int64_t>> simple_fraction(double ratio);

}  // namespace hadal::market
