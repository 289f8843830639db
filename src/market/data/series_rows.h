// From bars as they stood in a file to the rows of a run: their ends and sessions, in order, each with its fault.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "market/calendar.h"
#include "market/data/bar_file.h"
#include "market/data/segment.h"

namespace hadal::market {

// How bars of a file are placed in time and judged.
struct Placing {
  std::shared_ptr<const Calendar> calendar;  // whose sessions bars must be; null: no such check
  std::shared_ptr<const Calendar> hours;     // when a daily bar ends; null: with its day, in `zone`
  std::shared_ptr<const Zone> zone;          // of clocks; null: UTC
  Time now = 0;
};

class RowMaker {
 public:
  explicit RowMaker(Placing placing) : placing_(std::move(placing)) {}
  // Sorted by time, equal times in the order of the file. Error where a file seems to hold two instruments as one.
  // `reversed`: set where the whole series stood newest first, and was turned round.
  RunColumns make(const BarFile& file, Series& series, bool* reversed);

 private:
  struct Placed;
  Placed place(const BarFile& file, const std::vector<RawBar>& bars);
  Time end_of_day(Date day);
  Time utc_of(Time local);
  Placing placing_;
  std::vector<Time> day_ends_;          // of days from 1900 on, once they were asked for
  Time hour_ = kBeginning, shift_ = 0;  // of the last clock time: its hour, and what lies between it and UTC
};

// The fault in the values of a bar alone. `needs_volume`: a missing volume is one too.
Fault fault_of_values(const double* value, bool needs_volume);

}  // namespace hadal::market
