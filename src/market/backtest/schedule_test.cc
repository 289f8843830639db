// Files of targets and orders, broker profiles, and the vector engine.
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "base/toml_table.h"
#include "market/backtest/testing/feeds.h"

namespace hadal::market {
namespace {

Feed small_feed() {
  FeedBuilder feed({"A", "B"});
  feed.session("2014-01-02").flat(10).flat(20, 1);
  feed.session("2014-01-03").flat(10).flat(20, 1);
  feed.session("2014-01-06").flat(10).flat(20, 1);
  return feed.feed();
}

Path file_of(const std::string& text) {
  const Path path = Path(testing::TempDir()) / "schedule_test.csv";
  write_file_whole(path, text);
  return path;
}

std::string error_in(const std::string& text, const Broker& broker = {}) {
  const Feed feed = small_feed();
  return error_of([&] { scheduled_strategy(read_schedule(file_of(text), feed), broker, &feed); });
}

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Schedule, ReadsOrdersInTheOrderOfTheirDays) {
  const Feed feed = small_feed();
  const Path path = file_of(
      "\xEF\xBB\xBF"
      "date,symbol,quantity,type,limit,stop,tif\r\n"
      "2014-01-03,B,-2,stop_limit,19,19.5,GTC\r\n"
      "\r\n"
      "2014-01-02, A ,5,market,,,\r\n");
  const Schedule schedule = read_schedule(path, feed);
  ASSERT_EQ(schedule.orders.size(), 2u);
  EXPECT_EQ(schedule.orders[0].order.stop.text(), "19.5");
  EXPECT_EQ(schedule.orders[0].order.tif, TimeInForce::gtc);
  EXPECT_EQ(schedule.orders[0].line, 2);
  const BacktestResult result = run_backtest(feed, {}, *scheduled_strategy(schedule, {}, &feed));
  ASSERT_EQ(result.orders.size(), 2u);
  EXPECT_EQ(result.orders[0].order.instrument, 0);  // the earlier day is the first order
  EXPECT_EQ(result.fills.size(), 1u);
}

TEST(Schedule, OrdersOfOddSymbolsAreReadAgainAsTheyWereWritten) {
  FeedBuilder feed({"A,B", "say \"x\""});
  feed.session("2014-01-02").flat(10).flat(20, 1).session("2014-01-03").flat(10).flat(20, 1);
  Deciding strategy([&](TradingSession& session) {
    if (session.date() != date(2014, 1, 2)) return;
    session.submit({.instrument = 0, .quantity = Decimal(5)});
    session.submit({.instrument = 1, .quantity = Decimal(-2)});
  });
  const BacktestResult first = run_backtest(feed.feed(), {}, strategy);
  EXPECT_SAYS(first.orders_csv(), "2014-01-02,\"A,B\",5,market");
  EXPECT_SAYS(first.fills_csv(), "2014-01-03,\"say \"\"x\"\"\",-2,");
  EXPECT_SAYS(first.ledger_text(), "2014-01-03,fill,\"A,B\",5,");
  const Schedule again = read_schedule(file_of(first.orders_csv()), feed.feed());
  const BacktestResult second = run_backtest(feed.feed(), {}, *scheduled_strategy(again, {}, &feed.feed()));
  EXPECT_EQ(second.ledger_text(), first.ledger_text());
}

TEST(Schedule, NamesFileAndLineOfEachMistake) {
  const std::string orders = "date,symbol,quantity,type,limit,stop,tif\n", targets = "date,symbol,weight\n";
  EXPECT_SAYS(error_in(""), "found an empty file");
  EXPECT_SAYS(error_in("date,symbol\n"), "schedule_test.csv:1: expected the columns date,symbol,weight or");
  EXPECT_SAYS(error_in(targets + "2014-01-02,A\n"), "schedule_test.csv:2: expected 3 columns, found 2");
  EXPECT_SAYS(error_in(targets + "2014-01-02,C,1\n"), ":2: symbol: expected an instrument of this run, found C");
  EXPECT_SAYS(error_in(targets + "2014-01-02,A,much\n"), ":2: weight: expected a decimal number, found much");
  EXPECT_SAYS(error_in(targets + "2014-01-04,A,1\n"), ":2: expected a session of this run (2014-01-02 to 2014-01-06)");
  EXPECT_SAYS(error_in(targets + "2014-13-04,A,1\n"), ":2: date");
  EXPECT_SAYS(error_in(orders + "2014-01-02,A,1,limit,,,DAY\n"), ":2: limit: expected a decimal number");
  EXPECT_SAYS(error_in(orders + "2014-01-02,A,1,market,5,,DAY\n"), ":2: limit: expected nothing for an order");
  EXPECT_SAYS(error_in(orders + "2014-01-02,A,1,stop,,-1,DAY\n"), ":2: stop: expected a price above 0, found -1");
  EXPECT_SAYS(error_in(orders + "2014-01-02,A,0,market,,,DAY\n"), ":2: quantity: expected shares");
  EXPECT_SAYS(error_in(orders + "2014-01-02,A,0.5,market,,,DAY\n"), ":2: quantity: expected a multiple of 1 ");
  EXPECT_SAYS(error_in(orders + "2014-01-02,A,150,market,,,DAY\n", broker_profile("cn_a", "t")),
              ":2: quantity: expected a multiple of 100 (broker cn_a)");
  EXPECT_SAYS(error_in(orders + "2014-01-02,A,1,soon,,,DAY\n"), ":2: type: expected market, limit");
  EXPECT_SAYS(error_in(orders + "2014-01-02,A,1,market,,,IOC\n"), ":2: tif: expected DAY or GTC");
}

TEST(Schedule, AWeightNeedsAPrice) {
  FeedBuilder feed({"A", "B"});
  feed.session("2014-01-02").flat(10).session("2014-01-03").flat(10).flat(20, 1);
  const Schedule schedule = read_schedule(file_of("date,symbol,weight\n2014-01-02,B,1\n"), feed.feed());
  EXPECT_SAYS(error_of([&] { run_backtest(feed.feed(), {}, *scheduled_strategy(schedule, {}, &feed.feed())); }),
              "schedule_test.csv:2: expected a bar of B by 2014-01-02, found none");
}

// Hours within days: a line with a time means that close, one with a day the day's last.
// B has no bars for two sessions: what was ordered before is not added to what is ordered then.
TEST(Schedule, TheNewestTargetCounts) {
  FeedBuilder builder({"A", "B"});
  builder.session("2014-01-02").flat(10).flat(20, 1);
  for (const char* day : {"2014-01-03", "2014-01-06"}) builder.session(day).flat(10);
  for (const char* day : {"2014-01-07", "2014-01-08"}) builder.session(day).flat(10).flat(20, 1);
  const Feed feed = builder.feed();
  std::string targets = "date,symbol,weight\n";
  for (const char* day : {"2014-01-02", "2014-01-03", "2014-01-06"}) targets += std::string(day) + ",B,.5\n";
  targets += "2014-01-07,A,.1\n2014-01-07,A,.3\n";
  const Schedule schedule = read_schedule(file_of(targets), feed);
  const BacktestResult event = run_backtest(feed, {}, *scheduled_strategy(schedule, {}, &feed));
  ASSERT_EQ(event.fills.size(), 2u);
  EXPECT_EQ(event.fills[0].quantity.text(), "2500");
  EXPECT_EQ(event.fills[1].quantity.text(), "3000");
  EXPECT_EQ(event.curve.back().cash.text(), "20000");
  EXPECT_EQ(run_vector(feed, broker_profile("frictionless", "test"), schedule).curve.back().cash.text(), "20000");
}

TEST(Schedule, KnowsTimesWithinADay) {
  Feed feed;
  feed.daily = false;
  feed.symbols = {"A"};
  for (const Date day : {date(2014, 1, 2), date(2014, 1, 3)}) {
    for (int hour = 15; hour <= 17; ++hour) {
      const double price = 100 + hour + (day - date(2014, 1, 2)) * 10;
      feed.bars.push_back({0, price, price, price, price, 1e6});
      feed.sessions.push_back({day, start_of(day) + hour * 3600 * kSecond, 0, feed.bars.size()});
    }
  }
  const std::string header = "date,symbol,quantity,type,limit,stop,tif\n";
  const Schedule schedule =
      read_schedule(file_of(header + "2014-01-02,A,1,market,,,DAY\n2014-01-02T15:00:00Z,A,2,market,,,DAY\n"), feed);
  Broker broker;
  broker.borrow_rate = dec("0.36");
  const BacktestResult result = run_backtest(feed, broker, *scheduled_strategy(schedule, broker, &feed));
  EXPECT_EQ(result.fills_csv(),
            "time,symbol,quantity,price,fee,order\n"
            "2014-01-02T16:00:00Z,A,2,116,0,1\n"
            "2014-01-03T15:00:00Z,A,1,125,0,2\n");
  EXPECT_SAYS(error_of([&] {
                scheduled_strategy(read_schedule(file_of(header + "2014-01-02T15:30,A,1,market,,,\n"), feed), broker,
                                   &feed);
              }),
              "schedule_test.csv:2: expected a session of this run");
  // Borrow is counted by days: once, from the second day's first close on.
  const Schedule shorts = read_schedule(file_of(header + "2014-01-02T15:00:00Z,A,-10,market,,,DAY\n"), feed);
  EXPECT_EQ(run_backtest(feed, broker, *scheduled_strategy(shorts, broker, &feed)).borrow.text(), "1.25");
}

// As paper does it: line by line, without a feed that says what is still to come.
TEST(Schedule, GivesTheSameLedgerWithoutAFeed) {
  const Feed feed = small_feed();
  const Schedule schedule = read_schedule(file_of("date,symbol,weight\n2014-01-02,A,0.5\n2014-01-03,B,-0.3\n"), feed);
  const BacktestResult whole = run_backtest(feed, {}, *scheduled_strategy(schedule, {}, &feed));
  const auto strategy = scheduled_strategy(schedule, {}, nullptr);
  TradingSession session({}, feed.symbols, *strategy);
  size_t bar = 0;
  for (const Feed::Session& s : feed.sessions) {
    session.begin_session(s.date, s.time);
    for (; bar < s.bars_end; ++bar) session.on_bar(feed.bars[bar]);
    session.end_session();
  }
  EXPECT_EQ(session.result().ledger_text(), whole.ledger_text());
  EXPECT_EQ(whole.fills.size(), 2u);
}

TEST(BrokerProfiles, AreReadAndOverridden) {
  EXPECT_EQ(broker_profiles().size(), 5u);
  for (const std::string& name : broker_profiles()) EXPECT_EQ(broker_profile(name, "test").profile, name);
  TomlTable table = TomlTable::parse(
      "profile = \"ib_us\"\ncash = 5000\nslippage_bps = 2.5\nparticipation = 0.1\nborrow_rate = 0.03\nmargin = 0.5\n",
      "s.toml");
  const Broker broker = read_broker(table);
  table.finish();
  EXPECT_EQ(broker.cash.text(), "5000");
  EXPECT_EQ(broker.commission_per_share.text(), "0.005");
  EXPECT_EQ(broker.slippage_bps.text(), "2.5");
  EXPECT_EQ(broker.margin.text(), "0.5");
  EXPECT_EQ(broker.maintenance_margin.text(), "0.25");
  TomlTable wrong = TomlTable::parse("profile = \"ib\"\n", "s.toml");
  EXPECT_SAYS(error_of([&] { read_broker(wrong); }), "s.toml:1: profile: expected frictionless, ib_us");
  TomlTable unknown = TomlTable::parse("slipage_bps = 1\n", "s.toml");
  EXPECT_SAYS(error_of([&] {
                read_broker(unknown);
                unknown.finish();
              }),
              "slipage_bps");
  write_file_whole(Path(testing::TempDir()) / "own.toml", "commission_rate = 0.002\nshorts = false\n");
  const Broker own = broker_profile("own.toml", "test", testing::TempDir());
  EXPECT_EQ(own.commission_rate.text(), "0.002");
  EXPECT_FALSE(own.shorts);
}

// Random weights, longs and shorts, over random bars with pauses, splits and dividends.
TEST(VectorEngine, GivesTheEventEnginesEquity) {
  Rng rng(3);
  for (int round = 0; round < 5; ++round) {
    FeedBuilder feed({"A", "B", "C", "D", "E"});
    Schedule schedule;
    double close[5] = {10, 50, 200, 1000, 40'000};
    Date day = date(2010, 1, 4);
    for (int s = 0; s < 800; ++s) {
      day += 1 + static_cast<Date>(rng.below(3));
      feed.session(date_text(day));
      for (int32_t i = 0; i < 5; ++i) {
        const uint64_t event = rng.below(300);
        if (event == 0) feed.split(3, 2, i), close[i] /= 1.5;
        if (event == 1) feed.dividend("0.12", i);
        if (s > 0 && rng.below(30) == 0) continue;
        const double open = std::round(close[i] * (0.98 + 0.0405 * rng.uniform()) * 1e4) / 1e4;
        close[i] = std::round(open * (0.98 + 0.0405 * rng.uniform()) * 1e4) / 1e4;
        feed.bar(open, std::max(open, close[i]), std::min(open, close[i]), close[i], 1e6, i);
      }
      if (s % 5 == round)
        for (int32_t i = 0; i < 5; ++i)
          schedule.targets.push_back({.date = day,
                                      .instrument = i,
                                      .weight = rng.below(6) == 0
                                                    ? Decimal{}
                                                    : Decimal::of_double(std::round(rng.uniform() * 60 - 20) / 100)});
    }
    Broker broker = broker_profile("frictionless", "test");
    if (round % 2 == 1) broker.borrow_rate = dec("0.03");
    const BacktestResult events =
        run_backtest(feed.feed(), broker, *scheduled_strategy(schedule, broker, &feed.feed()));
    const BacktestResult vector = run_vector(feed.feed(), broker, schedule);
    ASSERT_EQ(events.curve.size(), vector.curve.size());
    double worst = 0;
    for (size_t i = 0; i < events.curve.size(); ++i) {
      const double wanted = events.curve[i].equity.to_double();
      worst = std::max(worst, std::abs(vector.curve[i].equity.to_double() / wanted - 1));
    }
    EXPECT_LE(worst, 1e-9) << "round " << round;
    EXPECT_EQ(events.fills.size(), vector.fills.size());
    EXPECT_GT(events.fills.size(), 500u);
  }
}

TEST(VectorEngine, RefusesWhatItDoesNotModel) {
  const Feed feed = small_feed();
  Schedule weights;
  weights.targets.push_back({.date = date(2014, 1, 2), .weight = Decimal(1)});
  const auto refusal = [&](const Broker& broker, const Schedule& schedule) {
    return error_of([&] { run_vector(feed, broker, schedule); });
  };
  Broker broker = broker_profile("frictionless", "test");
  EXPECT_EQ(refusal(broker, weights), "no error");
  for (const char* name : {"ib_us", "binance_spot", "cn_a", "lean"})
    EXPECT_SAYS(refusal(broker_profile(name, "test"), weights), "vector engine: expected a frictionless broker");
  broker.participation = dec("0.1");
  EXPECT_SAYS(refusal(broker, weights), "a participation cap");
  broker = broker_profile("frictionless", "test"), broker.slippage_bps = Decimal(1);
  EXPECT_SAYS(refusal(broker, weights), "slippage");
  broker = broker_profile("frictionless", "test"), broker.margin = dec("0.5");
  EXPECT_SAYS(refusal(broker, weights), "margin");
  Schedule orders;
  orders.orders.push_back({.date = date(2014, 1, 2), .order = {.quantity = Decimal(1)}});
  EXPECT_SAYS(refusal(broker_profile("frictionless", "test"), orders), "found orders");
}

}  // namespace
}  // namespace hadal::market
