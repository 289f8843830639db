// Views of prices, symbols and universes: what is seen when, and by which factors.
#include <gtest/gtest.h>

#include "market/testing/market_files.h"

namespace hadal::market {
namespace {
using test::error_of;
using test::MarketFolder;

std::vector<double> closes(const Market& market, const std::string& symbol, const Query& query) {
  std::vector<double> values;
  for (const Bar& bar : market.bars(symbol, query)) values.push_back(bar.close);
  return values;
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12 * std::abs(b[i])) << i;
}

// Ten a share, a dividend of 1, then two for one.
class Views : public ::testing::Test {
 protected:
  Views() {
    folder_.import("A.csv",
                   "date,open,high,low,close,volume\n2020-01-02,10,10,10,10,100\n2020-01-03,9,9,9,9,100\n"
                   "2020-01-06,4.5,4.5,4.5,4.5,100\n2020-01-07,4.5,4.5,4.5,4.5,100\n");
    folder_.import("d.csv", "date,symbol,amount\n2020-01-03,A,1\n", {.kind = "dividends"});
    folder_.import("s.csv", "date,symbol,split\n2020-01-06,A,2\n", {.kind = "splits"});
  }
  MarketFolder folder_;
};

TEST_F(Views, ShowPricesInFourWays) {
  const Market market = folder_.open();
  expect_near(closes(market, "A", {.prices = Prices::raw}), {10, 9, 4.5, 4.5});
  expect_near(closes(market, "A", {.prices = Prices::split}), {5, 4.5, 4.5, 4.5});
  expect_near(closes(market, "A", {.prices = Prices::forward}), {10, 10, 10, 10});
  expect_near(closes(market, "A", {.prices = Prices::back}), {4.5, 4.5, 4.5, 4.5});
  std::vector<double> volumes;
  for (const Bar& bar : market.bars("A", {.prices = Prices::forward})) volumes.push_back(bar.volume);
  expect_near(volumes, {100, 100, 50, 50});
  // Neither the first day asked for nor what comes later changes a forward price.
  expect_near(closes(market, "A", {.from = date(2020, 1, 6), .prices = Prices::forward}), {10, 10});
  expect_near(closes(market, "A", {.as_of = parse_time("2020-01-03", "t"), .prices = Prices::forward}), {10, 10});
  // The day after its close, the split is not known yet.
  expect_near(closes(market, "A", {.as_of = parse_time("2020-01-03", "t"), .prices = Prices::split}), {10, 9});
  expect_near(closes(market, "A", {.as_of = parse_time("2020-01-03", "t"), .prices = Prices::back}), {9, 9});
}

TEST_F(Views, ALaterDividendChangesNoForwardPrice) {
  const Query forward{.prices = Prices::forward};
  const auto before = closes(folder_.open(), "A", forward);
  folder_.import("A.csv", "date,open,high,low,close,volume\n2020-01-08,4,4,4,4,100\n");
  folder_.import("d.csv", "date,symbol,amount\n2020-01-08,A,0.5\n", {.kind = "dividends"});
  auto after = closes(folder_.open(), "A", forward);
  EXPECT_NEAR(after.back(), 10, 1e-12);
  after.pop_back();
  EXPECT_EQ(after, before);  // to the bit
  EXPECT_NE(closes(folder_.open(), "A", {.prices = Prices::back}).front(), 4.5);
}

TEST_F(Views, RestatedDividendsAreKnownFromThenOn) {
  folder_.import("d.csv", "date,symbol,amount\n2020-01-03,A,2\n",
                 {.kind = "dividends", .known_at = parse_time("2020-03-01", "t")});
  const Market market = folder_.open();
  EXPECT_EQ(market.actions("A")[0].amount.text(), "2");
  EXPECT_EQ(market.actions("A", parse_time("2020-02-01", "t"))[0].amount.text(), "1");
}

TEST_F(Views, SymbolsAreResolvedOrTheNearestIsNamed) {
  const Market market = folder_.open();
  EXPECT_EQ(market.resolve("a"), "A");
  EXPECT_HAS(error_of([&] { market.resolve("AB"); }), "the nearest is A");
}

TEST(MarketViews, LeansOwnFactorsAreUsedOnRequest) {
  MarketFolder folder;
  folder.import({test::sample_files()[1]});
  const Market market = folder.open();
  const Query own{.prices = Prices::back}, lean{.prices = Prices::back, .vendor_factors = true};
  const auto a = closes(market, "FELL", own), b = closes(market, "FELL", lean), raw = closes(market, "FELL", {});
  ASSERT_EQ(a.size(), b.size());
  EXPECT_DOUBLE_EQ(b.front(), raw.front() * (0.7119229 * 0.0714286));
  EXPECT_EQ(b.back(), raw.back());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i] / b[i], 1, 2e-3) << i;  // their factors are rounded
  EXPECT_NE(a.front(), b.front());
}

TEST(MarketViews, APanelHasAllTimesOfItsInstruments) {
  MarketFolder folder;
  folder.import("x.csv",
                "date,symbol,open,high,low,close,volume\n2020-01-02,A,1,1,1,1,1\n2020-01-03,B,2,2,2,2,2\n"
                "2020-01-06,A,3,3,3,3,3\n2020-01-06,B,4,4,4,4,4\n2020-01-07,A,5,5,5,0,5\n");
  const Market market = folder.open();
  const Panel panel = market.panel({});
  EXPECT_EQ(panel.symbols, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(panel.sessions, (std::vector<Date>{date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6)}));
  EXPECT_EQ(panel.close[panel.at(0, 0)], 1);
  EXPECT_FALSE(panel.has_bar(0, 1));
  EXPECT_FALSE(panel.has_bar(1, 0));
  EXPECT_EQ(panel.volume[panel.at(2, 1)], 4);
  EXPECT_EQ(market.sessions({.symbols = {"B"}}), (std::vector<Date>{date(2020, 1, 3), date(2020, 1, 6)}));
  EXPECT_EQ(market.panel({.symbols = {"B"}, .from = date(2020, 1, 6)}).num_times(), 1u);
  EXPECT_EQ(market.panel({.as_of = 0}).num_times(), 0u);
  EXPECT_NE(market.data_hash({}), market.data_hash({.to = date(2020, 1, 3)}));
}

TEST(MarketViews, MembershipIsWhatWasKnownOnTheDay) {
  MarketFolder folder;
  folder.import("x.csv",
                "date,symbol,open,high,low,close\n2020-01-02,A,1,1,1,1\n2020-01-02,B,1,1,1,1\n2020-01-03,A,1,1,1,1\n"
                "2020-01-06,A,1,1,1,1\n2020-01-02,C,1,1,1,1\n");
  folder.import("best_list.csv", "ticker,start_date,end_date\nA,2020-01-03,\nB,2019-01-01,2019-12-31\nZ,2020-01-01,\n",
                {.kind = "membership"});
  folder.import("best_list.csv", "ticker,start_date,end_date\nA,2020-01-03,2020-01-03\n", {.kind = "membership"});
  const Market market = folder.open();
  const Panel panel = market.panel({.universe = "best"});
  EXPECT_EQ(panel.symbols, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(panel.member, (std::vector<char>{0, 0, 1, 0, 0, 0}));
  EXPECT_EQ(market.panel({.as_of = parse_time("2019-06-01", "t"), .universe = "best"}).symbols.size(), 1u);
  EXPECT_HAS(error_of([&] { market.panel({.universe = "worst"}); }),
             "expected a universe of the market (all, best_list)");
  folder.import("none.csv", "ticker,start_date,end_date\nZ,2020-01-03,\n", {.kind = "membership"});
  EXPECT_HAS(error_of([&] { folder.open().panel({.universe = "none"}); }), "expected bars of the members");
}

TEST(MarketViews, ALongListOfMembersIsRead) {
  MarketFolder folder;
  folder.import("AAL.csv", "date,open,high,low,close\n1997-01-15,1,1,1,1\n1997-01-16,1,1,1,1\n2015-03-23,1,1,1,1\n");
  const ImportReport report = folder.import({test::source_dir() / "tests/market/membership/sp500_ticker_start_end.csv"},
                                            {.kind = "membership", .symbol = "sp500"});
  EXPECT_EQ(report.files[0].rows, 1230);
  EXPECT_EQ(folder.open().panel({.universe = "sp500"}).member, (std::vector<char>{1, 0, 1}));
}

}  // namespace
}  // namespace hadal::market
