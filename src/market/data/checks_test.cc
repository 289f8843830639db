// The checks: every planted fault of tests/market/dirty and nothing else, and small cases of each code.
#include "market/checks.h"

#include <gtest/gtest.h>

#include <set>

#include "base/json.h"
#include "market/testing/market_files.h"

namespace hadal::market {
namespace {
using test::MarketFolder;

using Key = std::tuple<std::string, std::string, std::string>;  // symbol, time, code

std::set<Key> keys_of(const CheckReport& report) {
  std::set<Key> keys;
  for (const Issue& issue : report.issues) {
    EXPECT_TRUE(keys.emplace(issue.symbol, issue.time, issue.code).second) << issue.symbol << issue.time << issue.code;
    EXPECT_NE(issue.detail, "");
  }
  return keys;
}

TEST(MarketChecks, FindTheTwelvePlantedFaultsOfEachSeriesAndNothingElse) {
  const Path dirty = test::source_dir() / "tests/market/dirty";
  MarketFolder folder;
  std::vector<Path> files;
  for (const char* name : {"Q30", "Q31", "Q32", "Q33", "Q34", "Q35"})
    files.push_back(dirty / (std::string(name) + ".csv"));
  const ImportReport imported = folder.import(files, {.calendar = "XNYS"});
  std::set<Key> planted;
  const Json truth = parse_json(read_file(dirty / "truth.json"), "truth.json");
  for (const Json& issue : truth.at("issues")) planted.emplace(issue.at("symbol"), issue.at("time"), issue.at("code"));
  ASSERT_EQ(planted.size(), 72u);
  const CheckReport report = check_market(folder.open());
  EXPECT_EQ(keys_of(report), planted);
  EXPECT_EQ(report.instruments, 6);
  EXPECT_EQ(report.counts, imported.issues);
  for (const auto& [code, count] : report.counts) EXPECT_EQ(count, 6) << code;
  int64_t quarantined = 0, accepted = 0;
  for (const ImportedFile& file : imported.files) quarantined += file.quarantined, accepted += file.accepted;
  EXPECT_EQ(quarantined, 36);  // all errors but those out of order, which are put in their place
  EXPECT_EQ(report.bars, accepted);
}

std::set<Key> issues_of(const std::string& rows, const ImportOptions& options = {}) {
  MarketFolder folder;
  folder.import("A.csv", "date,open,high,low,close,volume\n" + rows, options);
  return keys_of(check_market(folder.open()));
}

using Keys = std::set<Key>;

TEST(MarketChecks, OutOfOrderBarsAreOnlySortedWhereTheyAreAlone) {
  EXPECT_EQ(issues_of("2020-01-02,1,1,1,1,1\n2020-01-06,1,1,1,1.1,1\n2020-01-03,1,1,1,1,1\n"),
            (Keys{{"A", "2020-01-03", "out_of_order"}, {"A", "2020-01-06", "high_below_body"}}));
  MarketFolder folder;
  folder.import("A.csv",
                "date,open,high,low,close\n2020-01-02,1,1,1,1\n2020-01-06,1,1,1,1\n2020-01-03,2,2,2,2\n"
                "2020-01-07,1,1,1,1\n2020-01-06,2,2,2,2\n2020-01-01,0,1,1,1\n");
  const Market market = folder.open();
  std::vector<Date> sessions;
  for (const Bar& bar : market.bars("A", {})) sessions.push_back(bar.session);
  EXPECT_EQ(sessions, (std::vector<Date>{date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6), date(2020, 1, 7)}));
  const Keys keys = keys_of(check_market(market));
  EXPECT_TRUE(keys.count({"A", "2020-01-06", "duplicate_time"}));
  EXPECT_TRUE(keys.count({"A", "2020-01-03", "out_of_order"}));
  EXPECT_TRUE(keys.count({"A", "2020-01-01", "out_of_order"}));  // with wrong values too: quarantined
}

TEST(MarketChecks, SplitsThatAreRecordedAreNone) {
  const std::string rows = "2020-01-02,10,10,10,10,1\n2020-01-03,5,5,5,5,1\n2020-01-06,1.9,2,1.9,2,1\n";
  EXPECT_EQ(issues_of(rows), (Keys{{"A", "2020-01-03", "probable_split"}, {"A", "2020-01-06", "jump"}}));
  MarketFolder folder;
  folder.import("A.csv", "date,open,high,low,close,volume\n" + rows);
  folder.import("splits.csv", "date,symbol,split\n2020-01-03,A,2:1\n", {.kind = "splits"});
  folder.import("dividends.csv", "date,symbol,amount\n2020-01-06,A,5\n", {.kind = "dividends"});
  EXPECT_EQ(keys_of(check_market(folder.open())),
            (Keys{{"A", "2020-01-06", "jump"}, {"A", "2020-01-06", "dividend_above_price"}}));
}

TEST(MarketChecks, SessionsAreThoseOfTheCalendarWithinTheYearsItKnows) {
  EXPECT_EQ(issues_of("1999-12-25,1,1,1,1,1\n2000-01-03,1,2,1,1,1\n2000-01-05,1,2,1,1,0\n2000-01-08,1,2,1,1,1\n",
                      {.calendar = "XNYS"}),
            (Keys{{"A", "2000-01-04", "missing_session"},
                  {"A", "2000-01-05", "zero_volume"},
                  {"A", "2000-01-08", "not_a_session"}}));
  MarketFolder folder;  // a calendar of one's own
  folder.import("s.csv",
                "session,open_utc,close_utc\n2020-01-02,10:00,12:00\n2020-01-04,10:00,12:00\n2020-01-05,10:00,12:00\n",
                {.kind = "sessions"});
  folder.import("A.csv", "date,open,high,low,close\n2020-01-02,1,2,1,1\n2020-01-03,1,2,1,1\n2020-01-05,1,2,1,1\n");
  EXPECT_EQ(keys_of(check_market(folder.open())),
            (Keys{{"A", "2020-01-03", "not_a_session"}, {"A", "2020-01-04", "missing_session"}}));
  EXPECT_EQ(time_text(folder.open().bars("A", {})[0].time), "2020-01-02T12:00:00Z");
}

TEST(MarketChecks, TimesKeepTheTextOfTheirFile) {
  EXPECT_EQ(
      issues_of("1577952000,1,2,1,1,1\n1577952060,1,2,1,1,1\n1577952120000,1,0.5,1,1,1\n1577952180000,1,2,1,1,0\n"),
      (Keys{{"A", "1577952120000", "time_unit"},
            {"A", "1577952120000", "high_below_low"},
            {"A", "1577952180000", "zero_volume"}}));
  EXPECT_EQ(issues_of("2020-01-02 09:30,1,2,1,1,1\n2020-01-02 09:31,1,2,1,1,0\n2020-01-02 09:32,1,2,1,1,1\n"),
            (Keys{{"A", "2020-01-02 09:31:00", "zero_volume"}}));
  EXPECT_EQ(time_in_words({.time = "1577952120000"}), "2020-01-02T08:02:00Z");
  EXPECT_EQ(time_in_words({.time = "2020-01-02 09:31:00"}), "2020-01-02 09:31:00");
  EXPECT_EQ(issues_of("2920-01-02,1,2,1,1,1\n"), (Keys{{"A", "2920-01-02", "future_time"}}));
}

TEST(MarketChecks, PricesThatABacktestRefusesAreNamedOnceAnInstrument) {
  MarketFolder folder;
  folder.import("A.csv",
                "symbol,date,open,high,low,close\nA,2020-01-02,1e-8,1e-8,1e-8,1e-8\n"
                "A,2020-01-03,1e-8,1e-8,9e-9,9e-9\nA,2020-01-06,9e-9,1e-8,9e-9,1e-8\n"
                "B,2020-01-02,2e10,2e10,2e10,2e10\nC,2020-01-02,0.00001234,1,0.00001234,1\n");
  const CheckReport report = check_market(folder.open());
  EXPECT_EQ(keys_of(report), (Keys{{"A", "2020-01-03", "untradable_price"}, {"B", "2020-01-02", "untradable_price"}}));
  EXPECT_HAS(report.issues.at(0).detail, "refuses 2 bars");
}

TEST(MarketChecks, OverlappingSpellsAreNamed) {
  MarketFolder folder;
  folder.import("A.csv", "date,open,high,low,close\n2020-01-02,1,2,1,1\n");
  folder.import(
      "list.csv",
      "ticker,start_date,end_date\nA,2019-01-01,2019-06-30\nA,2019-06-30,\nB,2019-01-01,2019-02-01\nB,2019-02-02,\n",
      {.kind = "membership"});
  EXPECT_EQ(keys_of(check_market(folder.open())), (Keys{{"A", "2019-06-30", "spell_overlap"}}));
}

}  // namespace
}  // namespace hadal::market
