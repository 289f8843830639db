// The calendars' tables, against sessions that others computed (tests/market/calendars, see its README).
#include "market/calendar.h"

#include <gtest/gtest.h>

#include "base/testing/scratch.h"
#include "market/data/calendar_tables.h"

namespace hadal::market {
namespace {
using test::error_of;

// Lines "2000-01-03,14:30,21:00": a session's day, its open and close in UTC.
void expect_sessions(const std::string& name) {
  const auto calendar = Calendar::find(name, "test");
  std::vector<Date> expected;
  const std::string file = name == "XNYS" ? "xnys" : "xhkg";
  for_each_line(Path(HADAL_SOURCE_DIR) / "tests/market/calendars" / (file + "_sessions.csv.zst"),
                [&](std::string_view line, int64_t number) {
                  if (number == 1 || line.empty()) return true;
                  const std::string day(line.substr(0, 10));
                  expected.push_back(*parse_date(day));
                  const auto session = calendar->session(expected.back());
                  EXPECT_TRUE(session) << line;
                  if (!session) return false;
                  EXPECT_EQ(time_text(session->open), day + "T" + std::string(line.substr(11, 5)) + ":00Z");
                  EXPECT_EQ(time_text(session->close), day + "T" + std::string(line.substr(17, 5)) + ":00Z");
                  return !::testing::Test::HasFailure();
                });
  EXPECT_GT(expected.size(), 5600u);
  EXPECT_EQ(calendar->sessions(date(2000, 1, 1), date(2022, 12, 31)), expected);
}

TEST(MarketCalendar, NewYorkIsAsOthersHaveIt) { expect_sessions("XNYS"); }
TEST(MarketCalendar, HongKongIsAsOthersHaveIt) { expect_sessions("XHKG"); }

TEST(MarketCalendar, KnowsSpecialDays) {
  const auto york = Calendar::find("XNAS", "test");
  EXPECT_FALSE(york->is_session(date(2012, 10, 29)));
  EXPECT_FALSE(york->is_session(date(2022, 6, 20)));
  EXPECT_FALSE(york->is_session(date(2025, 1, 9)));
  EXPECT_TRUE(york->is_session(date(2021, 12, 31)));
  EXPECT_EQ(york->next_session(date(2001, 9, 10)), date(2001, 9, 17));
  EXPECT_FALSE(york->knows(date(1999, 12, 31)));
  EXPECT_TRUE(york->is_session(date(1999, 12, 31)));  // a Friday in years that it does not know
  const auto london = Calendar::find("XLON", "test");
  EXPECT_FALSE(london->is_session(date(2022, 9, 19)));
  EXPECT_FALSE(london->is_session(date(2021, 12, 28)));
  EXPECT_TRUE(london->is_session(date(2020, 5, 4)));
  EXPECT_EQ(time_text(london->close(date(2022, 7, 1))), "2022-07-01T15:30:00Z");
  EXPECT_EQ(time_text(london->close(date(2022, 12, 30))), "2022-12-30T12:30:00Z");
  const auto shanghai = Calendar::find("XSHG", "test");
  EXPECT_FALSE(shanghai->is_session(date(2020, 1, 31)));
  EXPECT_TRUE(shanghai->is_session(date(2020, 2, 3)));
  EXPECT_EQ(time_text(shanghai->close(date(2020, 2, 3))), "2020-02-03T07:00:00Z");
  const auto always = Calendar::find("24/7", "test");
  EXPECT_TRUE(always->is_session(date(2022, 1, 1)));
  EXPECT_EQ(always->close(date(2022, 1, 1)), end_of(date(2022, 1, 1)));
  EXPECT_EQ(easter(2024), date(2024, 3, 31));
  EXPECT_HAS(error_of([] { Calendar::find("NYSE", "--calendar"); }), "--calendar: expected XNYS, XNAS");
}

TEST(MarketCalendar, ZonesKnowSummerTime) {
  const Zone zone("America/New_York", "--zone");
  const auto at = [&](Date day, int hour) { return time_text(zone.utc(start_of(day) + hour * 3600 * kSecond)); };
  EXPECT_EQ(at(date(2024, 3, 8), 16), "2024-03-08T21:00:00Z");
  EXPECT_EQ(at(date(2024, 3, 11), 16), "2024-03-11T20:00:00Z");
  EXPECT_EQ(at(date(2024, 11, 3), 1), "2024-11-03T05:00:00Z");  // the first of two
  EXPECT_HAS(error_of([] { Zone("Mars/Olympus", "--zone"); }), "--zone: expected a time zone");
}

}  // namespace
}  // namespace hadal::market
