// The tables of calendar.cc: which days exchanges are closed, and on which they close early.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "market/time.h"

namespace hadal::market {

// Hours by the exchange's clock, in minutes after midnight, from a day on.
struct Hours {
  Date from;
  int open, close, early_close;
};

struct CalendarTable {
  std::string_view name, zone;
  int first_year, last_year;
  std::vector<Hours> hours;        // ascending
  std::vector<Date> holidays;      // of Mondays to Fridays, ascending
  std::vector<Date> early_closes;  // ascending
};

// Of XNYS, XNAS, XLON, XHKG and XSHG.
const std::vector<CalendarTable>& calendar_tables();

Date easter(int year);  // Sunday, Gregorian

}  // namespace hadal::market
