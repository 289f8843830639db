#include "market/report/dates.h"

#include <charconv>
#include <initializer_list>

#include "market/report/mentions.h"
#include "market/report/number_phrase.h"
#include "market/report/number_words.h"

namespace hadal::market {
namespace {

int whole_at(const TokenText& t, size_t i) {
  const std::string_view written = t.of(i);
  if (!t.is(i, Kind::number) || written.size() > 4 || written.find_first_not_of("0123456789") != written.npos) return 0;
  int value = 0;
  std::from_chars(written.data(), written.data() + written.size(), value);
  return value;
}

int year_at(const TokenText& t, size_t i) {
  const int year = whole_at(t, i);
  const bool share = t.is(i + 1, "%") || (t.joined(i + 1) && t.is(i + 1, Kind::word));
  return t.of(i).size() == 4 && year >= 1000 && !share ? year : 0;
}

// "march" and "may" are months where they begin with a capital.
int month_at(const TokenText& t, size_t i) {
  if (!t.is(i, Kind::word)) return 0;
  const int month = month_word(t.of(i)).value_or(0);
  return (t.is(i, "march") || t.is(i, "may") || t.is(i, "mar")) && !t.is_capital(i) ? 0 : month;
}

struct Day {
  int day;
  size_t next;
};
// 5, 5th, fifth, twenty-first
Day day_at(const TokenText& t, size_t i) {
  if (const int day = whole_at(t, i); day >= 1 && day <= 31 && t.of(i).size() <= 2) {
    const bool suffix = t.joined(i + 1) && is_one_of({"st", "nd", "rd", "th"}, t.of(i + 1));
    return {day, i + (suffix ? 2 : 1)};
  }
  const OrdinalPhrase ordinal = read_ordinal(t, i);
  return ordinal.next > i && ordinal.value >= 1 && ordinal.value <= 31 ? Day{ordinal.value, ordinal.next} : Day{0, i};
}

// The year behind a month or day, also after a comma or "of".
size_t year_behind(const TokenText& t, size_t i, int& year) {
  const size_t at = t.is(i, ",") || t.is(i, "of") ? i + 1 : i;
  year = year_at(t, at);
  return year > 0 ? at + 1 : i;
}

}  // namespace

DatePhrase read_date(const TokenText& t, size_t i) {
  if (t.is(i, Kind::date)) return {date_parts(t.of(i)), i + 1};
  DateParts date;
  if (const Day day = day_at(t, i); day.day > 0) {  // 5 March 2014
    size_t month = day.next;
    if (t.is(month, "day")) ++month;
    if (t.is(month, "of")) ++month;
    if (t.is(month, "-") && t.joined(month) && t.joined(month + 1)) ++month;
    date.month = month_at(t, month);
    if (date.month == 0) return {{}, i};
    date.day = day.day;
    size_t behind = month + 1;
    if (t.is(behind, "-") && t.joined(behind) && t.joined(behind + 1)) ++behind;
    const size_t next = year_behind(t, behind, date.year);
    return {date, date.year > 0 ? next : month + 1};
  }
  date.month = month_at(t, i);
  if (date.month == 0) return {{}, i};
  size_t at = i + 1;
  if (t.is(at, ".") && t.of(i).size() <= 4) ++at;
  if (const size_t next = year_behind(t, at, date.year); date.year > 0) return {date, next};  // March 2014
  if (t.is(at, "the")) ++at;
  const Day day = day_at(t, at);  // March 5, 2014
  if (day.day == 0 || t.is(day.next, "%")) return {{}, i};
  date.day = day.day;
  return {date, year_behind(t, day.next, date.year)};
}

// The number at i, where it may be a year: not 1,850 of something.
int lone_year(const TokenText& t, size_t i) {
  const int year = year_at(t, i);
  const bool counts = is_one_of(
      {"sessions", "days",  "trades",  "orders",    "fills",    "bars",    "instruments", "stocks", "windows",
       "months",   "years", "tries",   "positions", "shares",   "dollars", "points",      "places", "times",
       "rows",     "weeks", "percent", "per",       "thousand", "million", "hundred",     "names",  "symbols"},
      t.of(i + 1));
  return year < 1700 || year > 2199 || counts ? 0 : year;
}

int year_in_context(const TokenText& t, size_t i, const Mention* before) {
  const int year = lone_year(t, i);
  if (year == 0) return 0;
  if (is_one_of({"to", "-", "through"}, t.of(i + 1)) && lone_year(t, i + 2) > year) return year;  // 2012 to 2015
  if (i == 0) return 0;
  size_t at = i - 1;
  while (at > 0 && is_one_of({"(", "*", "the", "early", "late", "mid", "of"}, t.of(at))) --at;
  if (is_one_of({"between", "in",         "since", "during", "until",  "till",   "year",   "years",     "from",
                 "through", "throughout", "by",    "before", "after",  "end",    "start",  "beginning", "late",
                 "early",   "mid",        "of",    "summer", "autumn", "spring", "winter", "for"},
                t.of(at)))
    return year;
  const bool joins = is_one_of({"to", "-", "and", "or", "through", "/", ","}, t.of(at));
  return joins && before && before->has_date() && before->last + 2 >= i ? year : 0;
}

bool says_date(const DateParts& written, const DateParts& date) {
  const bool any = written.year > 0 || written.month > 0;
  return any && (written.year == 0 || written.year == date.year) &&
         (written.month == 0 || written.month == date.month) && (written.day == 0 || written.day == date.day);
}

}  // namespace hadal::market
