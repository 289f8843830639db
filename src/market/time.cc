#include "market/time.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/brief.h"
#include "base/error.h"

namespace hadal::market {
namespace {

// Days from civil and back (H. Hinnant, "chrono-compatible low-level date algorithms").
constexpr Date days_from_civil(int y, int m, int d) {
  y -= m <= 2;
  const int era = (y >= 0 ? y : y - 399) / 400;
  const int yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

constexpr bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

constexpr bool is_day(int year, int month, int day) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
         day <= kDays[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

// Takes `count` digits off the front.
std::optional<int> take_digits(std::string_view& text, size_t count) {
  if (text.size() < count) return {};
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Date> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return {};
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return {};
  const auto day = take_digits(text, 2);
  if (!day || !is_day(*year, *month, *day)) return {};
  return days_from_civil(*year, *month, *day);
}

// "16:00", "16:00:00", "16:00:00.25", in microseconds.
std::optional<Time> take_clock(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return {};
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return {};
  Time time = (*hour * 60 + *minute) * 60 * kSecond;
  if (!take(text, ':')) return time;
  const auto second = take_digits(text, 2);
  if (!second || *second > 59) return {};
  time += *second * kSecond;
  if (!take(text, '.')) return time;
  if (text.empty() || text[0] < '0' || text[0] > '9') return {};
  for (Time unit = kSecond / 10; !text.empty() && text[0] >= '0' && text[0] <= '9'; unit /= 10) {
    time += (text[0] - '0') * unit;
    text.remove_prefix(1);
  }
  return time;
}

// "", "Z", "+02:00", "-0500": what is to be taken away to come to UTC.
std::optional<Time> take_zone(std::string_view& text) {
  if (text.empty() || take(text, 'Z') || take(text, 'z')) return 0;
  const bool west = text[0] == '-';
  if (!west && text[0] != '+') return {};
  text.remove_prefix(1);
  const auto hours = take_digits(text, 2);
  take(text, ':');
  const auto minutes = take_digits(text, 2);
  if (!hours || !minutes || *hours > 15 || *minutes > 59) return {};
  return (west ? -1 : 1) * (*hours * 60 + *minutes) * 60 * kSecond;
}

std::optional<Time> read_time(std::string_view text) {
  const auto date = take_date(text);
  if (!date) return {};
  if (text.empty()) return end_of(*date);
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return {};
  const auto clock = take_clock(text);
  if (!clock) return {};
  const auto zone = take_zone(text);
  if (!zone || !text.empty()) return {};
  return start_of(*date) + *clock - *zone;
}

}  // namespace

Date date_of(Time time) { return static_cast<Date>(time >= 0 ? time / kDay : -((-time + kDay - 1) / kDay)); }

Date date(int year, int month, int day) {
  HADAL_CHECK(is_day(year, month, day), "{}-{}-{}", year, month, day);
  return days_from_civil(year, month, day);
}

std::optional<Date> find_date(int year, int month, int day) {
  if (!is_day(year, month, day)) return {};
  return days_from_civil(year, month, day);
}

YearMonthDay year_month_day(Date date) {
  const int z = date + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
  const int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const int mp = (5 * doy + 2) / 153, month = mp + (mp < 10 ? 3 : -9);
  return {yoe + era * 400 + (month <= 2 ? 1 : 0), month, doy - (153 * mp + 2) / 5 + 1};
}

int weekday(Date date) { return ((date + 3) % 7 + 7) % 7; }  // 1970-01-01 was a Thursday

std::string date_text(Date date) {
  const auto [year, month, day] = year_month_day(date);
  return fmt::format("{:04}-{:02}-{:02}", year, month, day);
}

std::string time_text(Time time) {
  const Date date = date_of(time);
  const Time in_day = time - start_of(date), seconds = in_day / kSecond, rest = in_day % kSecond;
  std::string text =
      fmt::format("{}T{:02}:{:02}:{:02}", date_text(date), seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (rest != 0) {
    std::string digits = fmt::format("{:06}", rest);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text + "Z";
}

std::optional<Date> parse_date(std::string_view text) {
  const auto date = take_date(text);
  return text.empty() ? date : std::nullopt;
}

namespace {
struct Unit {
  std::string_view name;
  Time time;
};
constexpr Unit kUnits[] = {{"h", 3600 * kSecond}, {"m", 60 * kSecond}, {"s", kSecond}, {"us", 1}};
}  // namespace

std::optional<Time> parse_frequency(std::string_view text) {
  if (text == "1d") return kDay;
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  if (error != std::errc() || count < 1) return {};
  for (const Unit& u : kUnits)
    if (unit == u.name && count < kDay / u.time) return count * u.time;
  return {};
}

std::string frequency_text(Time interval) {
  if (interval == kDay) return "1d";
  const auto* unit =
      std::find_if(std::begin(kUnits), std::end(kUnits), [&](const Unit& u) { return interval % u.time == 0; });
  return fmt::format("{}{}", interval / unit->time, unit->name);
}

Time parse_time(std::string_view text, const std::string& who) {
  const auto time = read_time(text);
  if (!time) fail("{}: expected a date as 2014-06-09 or a time as 2014-06-09T16:00:00Z, found {}", who, brief(text));
  return *time;
}

}  // namespace hadal::market
