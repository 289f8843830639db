// A market as it stands on the disk, opened for reading: its records and its segments, as one transaction left them.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "market/calendar.h"
#include "market/data/records.h"
#include "market/data/segment.h"
#include "market/market.h"

namespace hadal::market {

class Store {
 public:
  // Of a market; Error where a segment that it names is missing or damaged. `written_from`: segments of this number and
  // later ones were written by this process a moment ago, their sums need no look.
  explicit Store(const Path& folder, int64_t written_from = std::numeric_limits<int64_t>::max());

  const Path& folder() const { return folder_; }
  Database& database() const { return database_; }
  const Records& records() const { return records_; }
  // Everything that came of an instrument, in the order in which it came; sums of the segments are checked at first.
  const std::vector<RunView>& runs(int64_t instrument) const;
  const Instrument* find(const std::string& symbol) const;     // as Records::find_symbol(), faster
  const Instrument& resolve(const std::string& symbol) const;  // Error with the nearest symbol
  std::vector<std::string> symbols() const;                    // last ones, sorted
  // Whose sessions an instrument is checked by: its own, or those that were imported; null for none.
  std::shared_ptr<const Calendar> calendar(const Instrument& instrument) const;

 private:
  Path folder_;
  mutable Database database_;
  Records records_;
  std::vector<std::unique_ptr<Segment>> segments_;
  std::vector<std::vector<RunView>> runs_;        // by instrument
  std::vector<std::vector<size_t>> segments_of_;  // which of segments_ hold them
  mutable std::vector<char> verified_;            // of segments_
  std::unordered_map<std::string, int64_t> by_symbol_;
  mutable std::unordered_map<std::string, std::shared_ptr<const Calendar>> calendars_;
};

const Store& store_of(const Market& market);

}  // namespace hadal::market
