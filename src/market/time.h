// Points in time and days, as integers: no time zone, no floating point. Zones and exchanges' sessions stand in
// data/calendar.h.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace hadal::market {

using Time = int64_t;  // microseconds since 1970-01-01 00:00 UTC
using Date = int32_t;  // days since 1970-01-01

inline constexpr Time kSecond = 1'000'000, kDay = 86'400 * kSecond;
inline constexpr Time kBeginning = std::numeric_limits<Time>::min(), kEver = std::numeric_limits<Time>::max();

Date date_of(Time time);  // the UTC day that holds it
inline Time start_of(Date date) { return Time{date} * kDay; }
inline Time end_of(Date date) { return start_of(date + 1) - 1; }

Date date(int year, int month, int day);  // of the proleptic Gregorian calendar; aborts for a day that is none
std::optional<Date> find_date(int year, int month, int day);  // nothing for a day that is none
struct YearMonthDay {
  int year, month, day;
};
YearMonthDay year_month_day(Date date);
int weekday(Date date);  // 0 Monday to 6 Sunday

std::string date_text(Date date);  // "2014-06-09"
std::string time_text(Time time);  // "2014-06-09T20:00:00Z"; with fractions where there are any

// "2014-06-09"; nothing where it is not such a day.
std::optional<Date> parse_date(std::string_view text);
// What a command line takes: a date, which means the end of that day in UTC, or an ISO time: "2014-06-09T16:00",
// "2014-06-09 16:00:00.5Z", "...+02:00"; without a zone it is UTC. Error that begins with `who`.
Time parse_time(std::string_view text, const std::string& who);

// From bar to bar: "1d", "4h", "30m", "10s"; nothing where the text is none, and for days other than 1d. The text is
// the shortest: that of 60m is "1h".
std::optional<Time> parse_frequency(std::string_view text);
std::string frequency_text(Time interval);

}  // namespace hadal::market
