#include "market/data/calendar_tables.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace hadal::market {
namespace {

// A year, then month and day of each weekday without trading.
constexpr std::string_view kHongKongClosed[] = {
    "2000 0204 0207 0404 0421 0424 0501 0511 0606 0913 1002 1006 1225 1226",
    "2001 0101 0124 0125 0126 0405 0413 0416 0430 0501 0625 0702 0706 0725 1001 1002 1025 1225 1226",
    "2002 0101 0212 0213 0214 0329 0401 0405 0501 0520 0701 1001 1014 1225 1226",
    "2003 0101 0131 0203 0418 0421 0501 0508 0604 0701 0912 1001 1225 1226",
    "2004 0101 0122 0123 0405 0409 0412 0526 0622 0701 0929 1001 1022 1227",
    "2005 0209 0210 0211 0325 0328 0405 0502 0516 0701 0919 1011 1226 1227",
    "2006 0102 0130 0131 0405 0414 0417 0501 0505 0531 1002 1030 1225 1226",
    "2007 0101 0219 0220 0405 0406 0409 0501 0524 0619 0702 0926 1001 1019 1225 1226",
    "2008 0101 0207 0208 0321 0324 0404 0501 0512 0609 0701 0806 0822 0915 1001 1007 1225 1226",
    "2009 0101 0126 0127 0128 0410 0413 0501 0528 0701 1001 1026 1225",
    "2010 0101 0215 0216 0402 0405 0406 0521 0616 0701 0923 1001 1227",
    "2011 0203 0204 0405 0422 0425 0502 0510 0606 0701 0913 0929 1005 1226 1227",
    "2012 0102 0123 0124 0125 0404 0406 0409 0501 0702 1001 1002 1023 1225 1226",
    "2013 0101 0211 0212 0213 0329 0401 0404 0501 0517 0612 0701 0814 0920 1001 1014 1225 1226",
    "2014 0101 0131 0203 0418 0421 0501 0506 0602 0701 0909 1001 1002 1225 1226",
    "2015 0101 0219 0220 0403 0406 0407 0501 0525 0701 0903 0928 1001 1021 1225",
    "2016 0101 0208 0209 0210 0325 0328 0404 0502 0609 0701 0802 0916 1010 1021 1226 1227",
    "2017 0102 0130 0131 0404 0414 0417 0501 0503 0530 0823 1002 1005 1225 1226",
    "2018 0101 0216 0219 0330 0402 0405 0501 0522 0618 0702 0925 1001 1017 1225 1226",
    "2019 0101 0205 0206 0207 0405 0419 0422 0501 0513 0607 0701 1001 1007 1225 1226",
    "2020 0101 0127 0128 0410 0413 0430 0501 0625 0701 1001 1002 1013 1026 1225",
    "2021 0101 0212 0215 0402 0405 0406 0519 0614 0701 0922 1001 1013 1014 1227",
    "2022 0201 0202 0203 0405 0415 0418 0502 0509 0603 0701 0912 1004 1226 1227"};

// Half days: the eves of Christmas, the New Year and (from 2014 on) the Lunar New Year.
constexpr std::string_view kHongKongEarly[] = {
    "2001 1224 1231",      "2002 1224 1231",      "2003 1224 1231", "2004 1224 1231",      "2007 1224 1231",
    "2008 1224 1231",      "2009 1224 1231",      "2010 1224 1231", "2012 1224 1231",      "2013 1224 1231",
    "2014 0130 1224 1231", "2015 0218 1224 1231", "2017 0127",      "2018 0215 1224 1231", "2019 0204 1224 1231",
    "2020 0124 1224 1231", "2021 0211 1224 1231", "2022 0131"};

constexpr std::string_view kShanghaiClosed[] = {
    "2000 0103 0131 0201 0202 0203 0204 0207 0208 0209 0210 0211 0501 0502 0503 0504 0505 1002 1003 1004 1005 1006",
    "2001 0101 0122 0123 0124 0125 0126 0129 0130 0131 0201 0202 0501 0502 0503 0504 0507 1001 1002 1003 1004 1005",
    "2002 0101 0102 0103 0211 0212 0213 0214 0215 0218 0219 0220 0221 0222 0501 0502 0503 0506 0507 0930 1001 1002 "
    "1003 1004 1007",
    "2003 0101 0130 0131 0203 0204 0205 0206 0207 0501 0502 0505 0506 0507 0508 0509 1001 1002 1003 1006 1007",
    "2004 0101 0119 0120 0121 0122 0123 0126 0127 0128 0503 0504 0505 0506 0507 1001 1004 1005 1006 1007",
    "2005 0103 0207 0208 0209 0210 0211 0214 0215 0502 0503 0504 0505 0506 1003 1004 1005 1006 1007",
    "2006 0102 0103 0126 0127 0130 0131 0201 0202 0203 0501 0502 0503 0504 0505 1002 1003 1004 1005 1006",
    "2007 0101 0102 0103 0219 0220 0221 0222 0223 0501 0502 0503 0504 0507 1001 1002 1003 1004 1005 1231",
    "2008 0101 0206 0207 0208 0211 0212 0404 0501 0502 0609 0915 0929 0930 1001 1002 1003",
    "2009 0101 0102 0126 0127 0128 0129 0130 0406 0501 0528 0529 1001 1002 1005 1006 1007 1008",
    "2010 0101 0215 0216 0217 0218 0219 0405 0503 0614 0615 0616 0922 0923 0924 1001 1004 1005 1006 1007",
    "2011 0103 0202 0203 0204 0207 0208 0404 0405 0502 0606 0912 1003 1004 1005 1006 1007",
    "2012 0102 0103 0123 0124 0125 0126 0127 0402 0403 0404 0430 0501 0622 1001 1002 1003 1004 1005",
    "2013 0101 0102 0103 0211 0212 0213 0214 0215 0404 0405 0429 0430 0501 0610 0611 0612 0919 0920 1001 1002 1003 "
    "1004 1007",
    "2014 0101 0131 0203 0204 0205 0206 0407 0501 0502 0602 0908 1001 1002 1003 1006 1007",
    "2015 0101 0102 0218 0219 0220 0223 0224 0406 0501 0622 0903 0904 1001 1002 1005 1006 1007",
    "2016 0101 0208 0209 0210 0211 0212 0404 0502 0609 0610 0915 0916 1003 1004 1005 1006 1007",
    "2017 0102 0127 0130 0131 0201 0202 0403 0404 0501 0529 0530 1002 1003 1004 1005 1006",
    "2018 0101 0215 0216 0219 0220 0221 0405 0406 0430 0501 0618 0924 1001 1002 1003 1004 1005 1231",
    "2019 0101 0204 0205 0206 0207 0208 0405 0501 0502 0503 0607 0913 1001 1002 1003 1004 1007",
    "2020 0101 0124 0127 0128 0129 0130 0131 0406 0501 0504 0505 0625 0626 1001 1002 1005 1006 1007 1008",
    "2021 0101 0211 0212 0215 0216 0217 0405 0503 0504 0505 0614 0920 0921 1001 1004 1005 1006 1007",
    "2022 0103 0131 0201 0202 0203 0204 0404 0405 0502 0503 0504 0603 0912 1003 1004 1005 1006 1007",
    "2023 0102 0123 0124 0125 0126 0127 0405 0501 0502 0503 0622 0623 0929 1002 1003 1004 1005 1006",
    "2024 0101 0209 0212 0213 0214 0215 0216 0404 0405 0501 0502 0503 0610 0916 0917 1001 1002 1003 1004 1007"};

std::vector<Date> days_of(std::span<const std::string_view> lines) {
  std::vector<Date> days;
  for (const std::string_view line : lines) {
    const auto number = [&](size_t at, size_t count) {
      int value = 0;
      const auto [end, error] = std::from_chars(line.data() + at, line.data() + at + count, value);
      HADAL_CHECK(error == std::errc{} && end == line.data() + at + count, "{}", line);
      return value;
    };
    const int year = number(0, 4);
    for (size_t at = 5; at < line.size(); at += 5) days.push_back(date(year, number(at, 2), number(at + 2, 2)));
  }
  return days;
}

// The first weekday `day` (0 Monday) on or after a day.
Date on_or_after(Date from, int day) { return from + (day - weekday(from) + 7) % 7; }
Date last_monday(int year, int month, int days_in_month) {
  const Date end = date(year, month, days_in_month);
  return end - weekday(end);
}

// Saturday's holiday is kept on Friday (where `friday_too`), Sunday's on Monday.
Date observed_in_america(Date day) { return day + (weekday(day) == 6 ? 1 : weekday(day) == 5 ? -1 : 0); }

void holidays_of_new_york(int year, std::vector<Date>& days) {
  // A New Year's Day on a Saturday is not kept on the Friday, which belongs to the old year.
  if (weekday(date(year, 1, 1)) != 5) days.push_back(observed_in_america(date(year, 1, 1)));
  days.push_back(on_or_after(date(year, 1, 15), 0));  // Martin Luther King
  days.push_back(on_or_after(date(year, 2, 15), 0));  // Washington
  days.push_back(easter(year) - 2);
  days.push_back(last_monday(year, 5, 31));
  if (year >= 2022) days.push_back(observed_in_america(date(year, 6, 19)));
  days.push_back(observed_in_america(date(year, 7, 4)));
  days.push_back(on_or_after(date(year, 9, 1), 0));
  days.push_back(on_or_after(date(year, 11, 22), 3));
  days.push_back(observed_in_america(date(year, 12, 25)));
}

void early_closes_of_new_york(int year, std::vector<Date>& days) {
  // The day before the Fourth of July where both are weekdays; in 2002 it was the day after.
  const int july_4 = weekday(date(year, 7, 4));
  if (year == 2002)
    days.push_back(date(2002, 7, 5));
  else if (july_4 >= 1 && july_4 <= 4)
    days.push_back(date(year, 7, 3));
  days.push_back(on_or_after(date(year, 11, 22), 3) + 1);
  if (weekday(date(year, 12, 24)) <= 3) days.push_back(date(year, 12, 24));
}

// The attacks of 2001, the funerals of Reagan, Ford, Bush and Carter, and the storm of 2012.
constexpr std::string_view kNewYorkClosed[] = {"2001 0911 0912 0913 0914", "2004 0611", "2007 0102",
                                               "2012 1029 1030",           "2018 1205", "2025 0109"};
constexpr std::string_view kNewYorkEarly[] = {"2003 1226"};

CalendarTable table_of_new_york(std::string_view name) {
  CalendarTable table{name,
                      "America/New_York",
                      2000,
                      2026,
                      {{date(1985, 9, 30), 9 * 60 + 30, 16 * 60, 13 * 60}},
                      days_of(kNewYorkClosed),
                      days_of(kNewYorkEarly)};
  for (int year = table.first_year; year <= table.last_year; ++year) {
    holidays_of_new_york(year, table.holidays);
    early_closes_of_new_york(year, table.early_closes);
  }
  return table;
}

// A holiday on a weekend is made up for on the next weekday that is none itself.
void holidays_of_london(int year, std::vector<Date>& days) {
  const auto substitute = [](Date day) { return day + (weekday(day) == 5 ? 2 : weekday(day) == 6 ? 1 : 0); };
  days.push_back(substitute(date(year, 1, 1)));
  days.push_back(easter(year) - 2);
  days.push_back(easter(year) + 1);
  if (year != 2020) days.push_back(on_or_after(date(year, 5, 1), 0));
  if (year != 2002 && year != 2012 && year != 2022) days.push_back(last_monday(year, 5, 31));
  days.push_back(last_monday(year, 8, 31));
  const Date christmas = date(year, 12, 25);
  switch (weekday(christmas)) {
    case 4:  // Friday: Boxing Day on Monday
      days.insert(days.end(), {christmas, christmas + 3});
      break;
    case 5:  // Saturday: Monday and Tuesday
      days.insert(days.end(), {christmas + 2, christmas + 3});
      break;
    case 6:  // Sunday: Boxing Day on Monday, Christmas made up for on Tuesday
      days.insert(days.end(), {christmas + 1, christmas + 2});
      break;
    default:
      days.insert(days.end(), {christmas, christmas + 1});
  }
}

// Jubilees, a wedding, the seventy-fifth Victory Day, a funeral and a coronation.
constexpr std::string_view kLondonClosed[] = {"2002 0603 0604", "2011 0429",           "2012 0604 0605",
                                              "2020 0508",      "2022 0602 0603 0919", "2023 0508"};

CalendarTable table_of_london() {
  CalendarTable table{"XLON",
                      "Europe/London",
                      2000,
                      2026,
                      {{date(1970, 1, 1), 8 * 60, 16 * 60 + 30, 12 * 60 + 30}},
                      days_of(kLondonClosed),
                      {}};
  for (int year = table.first_year; year <= table.last_year; ++year) {
    holidays_of_london(year, table.holidays);
    for (const int day : {24, 31}) {  // the last weekdays before Christmas and before the New Year
      const Date eve = date(year, 12, day);
      table.early_closes.push_back(eve - (weekday(eve) > 4 ? weekday(eve) - 4 : 0));
    }
  }
  return table;
}

std::vector<CalendarTable> all_tables() {
  std::vector<CalendarTable> tables = {table_of_new_york("XNYS"), table_of_new_york("XNAS"), table_of_london()};
  tables.push_back(
      {"XHKG",
       "Asia/Hong_Kong",
       2000,
       2022,
       {{date(1970, 1, 1), 10 * 60, 16 * 60, 12 * 60 + 30}, {date(2011, 3, 7), 9 * 60 + 30, 16 * 60, 12 * 60}},
       days_of(kHongKongClosed),
       days_of(kHongKongEarly)});
  tables.push_back({"XSHG",
                    "Asia/Shanghai",
                    2000,
                    2024,
                    {{date(1970, 1, 1), 9 * 60 + 30, 15 * 60, 15 * 60}},
                    days_of(kShanghaiClosed),
                    {}});
  for (CalendarTable& table : tables) {
    std::sort(table.holidays.begin(), table.holidays.end());
    std::sort(table.early_closes.begin(), table.early_closes.end());
  }
  return tables;
}

}  // namespace

// The anonymous Gregorian algorithm (Nature, 1876).
Date easter(int year) {
  const int a = year % 19, b = year / 100, c = year % 100, d = b / 4, e = b % 4, f = (b + 8) / 25, g = (b - f + 1) / 3;
  const int h = (19 * a + b - d - g + 15) % 30, i = c / 4, k = c % 4, l = (32 + 2 * e + 2 * i - h - k) % 7;
  const int m = (a + 11 * h + 22 * l) / 451, n = h + l - 7 * m + 114;
  return date(year, n / 31, n % 31 + 1);
}

const std::vector<CalendarTable>& calendar_tables() {
  static const std::vector<CalendarTable> tables = all_tables();
  return tables;
}

}  // namespace hadal::market
