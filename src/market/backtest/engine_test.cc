// Sessions, corporate actions, accruals, targets, and what the ledger conserves.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/json.h"
#include "base/rng.h"
#include "market/backtest/ledger.h"
#include "market/backtest/testing/feeds.h"
#include "market/stats.h"
#include "market/stopped.h"

namespace hadal::market {
namespace {

Broker broker_with(std::string_view cash) {
  Broker broker;
  broker.cash = dec(cash);
  return broker;
}

// Buys (or sells) at the open of the second session.
BacktestResult hold(const Feed& feed, std::string_view quantity, const Broker& broker) {
  Deciding strategy([&](TradingSession& session) {
    if (session.date() == feed.sessions.front().date) session.submit({.quantity = dec(quantity)});
  });
  return run_backtest(feed, broker, strategy);
}

TEST(Engine, SplitsPayFractionsAndChangeOrders) {
  FeedBuilder feed({"A"});
  feed.session("2014-01-02").flat(30);
  feed.session("2014-01-03").flat(30);
  feed.session("2014-01-06").split(3, 2).bar(20.5, 21, 18, 20);
  feed.session("2014-01-07").bar(20, 20, 13, 14);
  Deciding strategy([&](TradingSession& session) {
    if (session.date() == date(2014, 1, 2)) session.submit({.quantity = Decimal(101)});
    if (session.date() == date(2014, 1, 3))
      session.submit({.quantity = Decimal(-51), .type = OrderType::stop, .stop = Decimal(21), .tif = TimeInForce::gtc});
  });
  const BacktestResult result = run_backtest(feed.feed(), broker_with("10000"), strategy);
  ASSERT_EQ(result.fills.size(), 2u);
  // 101 * 3/2 = 151.5: half a share at 30 / 1.5 is paid. The order becomes 76 (of 76.5) at 14.
  EXPECT_EQ(result.fills[1].quantity.text(), "-76");
  EXPECT_EQ(result.fills[1].price.text(), "14");
  EXPECT_EQ(result.curve[2].cash.text(), "6980");
  EXPECT_EQ(result.curve[2].equity.text(), "10000");  // 6,980 + 151 * 20
  EXPECT_EQ(result.end_equity.text(), "9094");        // 6,980 + 76 * 14 + 75 * 14
  const std::string ledger = result.ledger_text();
  EXPECT_NE(ledger.find("2014-01-06,split,A,151,20,0,6970\n2014-01-06,fraction,A,0.5,20,10,6980\n"), std::string::npos)
      << ledger;
}

TEST(Engine, AReverseSplitCanLeaveNothing) {
  FeedBuilder feed({"A"});
  feed.session("2014-01-02").flat(1).session("2014-01-03").flat(1);
  feed.session("2014-01-06").split(1, 10).flat(10);
  const BacktestResult longs = hold(feed.feed(), "7", broker_with("100"));
  EXPECT_EQ(longs.end_equity.text(), "100");
  EXPECT_EQ(longs.curve.back().cash.text(), "100");
  const BacktestResult shorts = hold(feed.feed(), "-25", broker_with("100"));
  EXPECT_EQ(shorts.curve.back().cash.text(), "120");  // 125, less half a share at 10
  EXPECT_EQ(shorts.end_equity.text(), "100");
}

TEST(Engine, AThirdOfACentIsRoundedOnce) {
  FeedBuilder feed({"A"});
  feed.session("2014-01-02").flat(10).session("2014-01-03").flat(10);
  feed.session("2014-01-06").split(1, 3).flat(30);
  const BacktestResult result = hold(feed.feed(), "2", broker_with("100"));
  EXPECT_EQ(result.curve.back().cash.text(), "100");  // 2/3 of 30 = 20, exactly
}

TEST(Engine, DividendsGoToLongsComeFromShortsAndPrecedeASplit) {
  FeedBuilder feed({"A"});
  feed.session("2014-01-02").flat(100).session("2014-01-03").flat(100);
  feed.session("2014-01-06").split(2).dividend("0.5").flat(50);
  EXPECT_EQ(hold(feed.feed(), "10", broker_with("1000")).dividends.text(), "5");
  EXPECT_EQ(hold(feed.feed(), "10", broker_with("1000")).end_equity.text(), "1005");
  EXPECT_EQ(hold(feed.feed(), "-10", broker_with("1000")).dividends.text(), "-5");
  EXPECT_EQ(hold(feed.feed(), "-10", broker_with("1000")).end_equity.text(), "995");
}

TEST(Engine, DelistingPaysTheLastCloseAndEndsOrders) {
  FeedBuilder feed({"A", "B"});
  feed.session("2014-01-02").flat(100).flat(1, 1);
  feed.session("2014-01-03").bar(100, 100, 80, 80).flat(1, 1);
  feed.session("2014-01-06").delisting().flat(1, 1);
  Deciding strategy([&](TradingSession& session) {
    if (session.date() == date(2014, 1, 2)) session.submit({.quantity = Decimal(10)});
    if (session.date() == date(2014, 1, 3)) session.submit({.quantity = Decimal(-10), .tif = TimeInForce::gtc});
  });
  const BacktestResult result = run_backtest(feed.feed(), broker_with("1000"), strategy);
  EXPECT_EQ(result.curve.back().cash.text(), "800");
  EXPECT_NE(result.ledger_text().find("2014-01-06,delisting,A,-10,80,800,800\n"), std::string::npos);
  EXPECT_NE(result.ledger_text().find("2014-01-06,cancel,A,-10,,0,0\n"), std::string::npos) << result.ledger_text();
}

TEST(Engine, ARenameKeepsPositionAndOrders) {
  FeedBuilder feed({"OLD"});
  feed.session("2014-01-02").flat(100).session("2014-01-03").flat(100);
  feed.session("2014-01-06").rename("NEW").flat(100).session("2014-01-07").flat(120);
  Deciding strategy([&](TradingSession& session) {
    if (session.date() == date(2014, 1, 2)) {
      session.submit({.quantity = Decimal(10)});
      session.submit(
          {.quantity = Decimal(-10), .type = OrderType::limit, .limit = Decimal(110), .tif = TimeInForce::gtc});
    }
  });
  const BacktestResult result = run_backtest(feed.feed(), broker_with("1000"), strategy);
  ASSERT_EQ(result.fills.size(), 2u);
  EXPECT_EQ(result.fills[0].symbol, "OLD");
  EXPECT_EQ(result.fills[1].symbol, "NEW");
  EXPECT_EQ(result.ledger_text(),
            "2014-01-02,deposit,,,,1000,1000\n"
            "2014-01-03,fill,OLD,10,100,-1000,0\n"
            "2014-01-06,rename,NEW,,,0,0\n"
            "2014-01-07,fill,NEW,-10,120,1200,1200\n");
}

TEST(Engine, BorrowAndInterestAccrueByTheDay) {
  FeedBuilder feed({"A"});
  feed.session("2014-01-02").flat(100).session("2014-01-03").flat(100);
  feed.session("2014-01-06").flat(100);
  Broker broker = broker_with("1000");
  broker.borrow_rate = dec("0.03"), broker.cash_rate = dec("0.036"), broker.interest_rate = dec("0.072");
  const BacktestResult shorts = hold(feed.feed(), "-10", broker);
  EXPECT_EQ(shorts.borrow.text(), "0.33333333");  // 1,000 * .03 * 1/360, then * 3/360
  EXPECT_EQ(shorts.curve[0].equity.text(), "1000");
  // 1,999.91666667 earn for a day; with that and less .25 for three more.
  EXPECT_EQ(shorts.interest, dec("0.19999167") + dec("0.59996"));
  const BacktestResult levered = hold(feed.feed(), "20", broker);
  EXPECT_EQ(levered.interest, -(dec("0.2") + dec("0.60012")));
}

TEST(Engine, TargetsBecomeOrders) {
  FeedBuilder feed({"A", "B"});
  feed.session("2014-01-02").bar(10, 10, 10, 10, 1e9).flat(7, 1);
  feed.session("2014-01-03").flat(11).flat(7, 1);
  feed.session("2014-01-06").flat(12).flat(7, 1);
  feed.session("2014-01-07").flat(12).flat(7, 1);
  Deciding strategy([&](TradingSession& session) {
    if (session.date() == date(2014, 1, 2)) {
      session.order_target(0, dec("0.505"));  // 505 / 10: 50 shares
      session.order_target(1, dec("-0.3"));   // 300 / 7: 42 short
    }
    if (session.date() == date(2014, 1, 6)) {
      EXPECT_EQ(session.equity().text(), "1050");
      session.order_target(0, dec("0.5"));  // 525 - 600 = -75: 6 less
      session.order_target(1, Decimal{});
    }
  });
  const BacktestResult result = run_backtest(feed.feed(), broker_with("1000"), strategy);
  std::string quantities;
  for (const Fill& fill : result.fills) quantities += fill.quantity.text() + " ";
  EXPECT_EQ(quantities, "50 -42 -6 42 ");
}

TEST(Engine, LeanSizesTargetsWithFreeCashAndFees) {
  FeedBuilder feed({"A"});
  feed.session("2014-01-02").flat(100).session("2014-01-03").flat(100).session("2014-01-06").flat(100);
  const Broker lean = broker_profile("lean", "test");
  Deciding strategy([&](TradingSession& session) {
    if (session.date() == date(2014, 1, 2)) session.order_target(0, Decimal(1));
    if (session.date() == date(2014, 1, 3)) {
      EXPECT_EQ(session.order_target(0, dec("0.9997")), 0);  // below .1%
    }
  });
  const BacktestResult result = run_backtest(feed.feed(), lean, strategy);
  ASSERT_EQ(result.fills.size(), 1u);
  EXPECT_EQ(result.fills[0].quantity.text(), "997");  // 99,750 less a fee of 4.985
}

TEST(Engine, RefusesBarsThatAreNone) {
  FeedBuilder feed({"A"});
  feed.session("2014-01-02").bar(1, 1, std::nan(""), 1);
  EXPECT_NE(error_of([&] { hold(feed.feed(), "1", {}); }).find("bar of A on 2014-01-02: expected four prices above 0"),
            std::string::npos);
  FeedBuilder twice({"A"});
  twice.session("2014-01-02").flat(1).flat(1);
  EXPECT_NE(error_of([&] { hold(twice.feed(), "1", {}); }).find("expected one bar a session"), std::string::npos);
  FeedBuilder back({"A"});
  back.session("2014-01-03").flat(1).session("2014-01-02").flat(1);
  EXPECT_NE(error_of([&] { hold(back.feed(), "1", {}); }).find("sort the sessions"), std::string::npos);
}

TEST(Ledger, NamesTheEventThatDoesNotConserve) {
  Ledger ledger(1);
  ledger.set_time(date(2014, 6, 9), 0);
  ledger.deposit(Decimal(1000));
  ledger.fill(0, Decimal(1), Decimal(70), Decimal(1));
  ledger.mark(0, Decimal(70));
  ledger.split(0, 7, 1, Decimal(7), {}, {});
  EXPECT_EQ(ledger.equity().text(), "999");
  const std::string error = error_of([&] { ledger.split(0, 7, 1, Decimal(48), {}, {}); });  // a share is lost
  EXPECT_NE(error.find("event 5 (split of instrument 0, quantity 48"), std::string::npos) << error;
  EXPECT_NE(error.find("2014-06-09"), std::string::npos) << error;
}

// Everything at once, and the books done again from the events alone.
struct Books {
  Decimal cash;
  std::map<int32_t, Decimal> quantities;

  void add(const LedgerEvent& event) {
    using Kind = LedgerEvent::Kind;
    cash += event.amount;
    EXPECT_EQ(cash, event.cash);
    if (event.kind == Kind::fill || event.kind == Kind::delisting) quantities[event.instrument] += event.quantity;
    if (event.kind == Kind::split) quantities[event.instrument] = event.quantity;
  }
};

struct Chance {
  Rng rng{2014};
  Decimal price(double near) {
    return Decimal::of_double(std::round(near * (0.93 + 0.14 * rng.uniform()) * 100 + 1) / 100);
  }

  void submit(TradingSession& session) {
    const auto instrument = static_cast<int32_t>(rng.below(session.num_instruments()));
    const double close = session.last_close(instrument);
    if (std::isnan(close)) return;
    if (rng.below(6) == 0) {
      session.order_target(instrument, Decimal::of_double(std::round(rng.uniform() * 8 - 4) / 10));
      return;
    }
    if (rng.below(20) == 0) session.cancel_all(instrument);
    Decimal quantity(static_cast<int64_t>(rng.below(400)) - 200);
    if (quantity.is_zero()) return;
    session.submit({.instrument = instrument,
                    .quantity = quantity,
                    .type = static_cast<OrderType>(rng.below(6)),
                    .limit = price(close),
                    .stop = price(close),
                    .tif = rng.below(2) == 0 ? TimeInForce::day : TimeInForce::gtc});
  }
};

Feed random_feed(int num_sessions, int num_instruments, Rng& rng) {
  std::vector<std::string> symbols;
  for (int i = 0; i < num_instruments; ++i) symbols.push_back(fmt::format("S{}", i));
  FeedBuilder feed(symbols);
  std::vector<double> close(symbols.size(), 50);
  std::vector<bool> gone(symbols.size());
  Date day = date(1980, 1, 1);
  for (int s = 0; s < num_sessions; ++s) {
    day += 1 + static_cast<Date>(rng.below(3));
    feed.session(date_text(day));
    for (int32_t i = 0; i < num_instruments; ++i) {
      auto& last = close[static_cast<size_t>(i)];
      if (gone[static_cast<size_t>(i)]) continue;
      const uint64_t event = rng.below(1500);
      if (event < 3) feed.dividend("0.37", i);
      if (event == 1 || event == 4) feed.split(3, 2, i), last *= 2.0 / 3;
      if (event == 5) feed.split(1, 7, i), last *= 7;
      if (event == 6 && i > 1 && s > num_sessions / 2) {
        feed.delisting(i);
        gone[static_cast<size_t>(i)] = true;
        continue;
      }
      if (rng.below(25) == 0) continue;
      const auto next = [&](double from) {
        return std::max(0.05, std::round(from * (0.97 + 0.0602 * rng.uniform()) * 100) / 100);
      };
      const double open = next(last), end = next(open), other = next(open);
      feed.bar(open, std::max({open, end, other}), std::min({open, end, other}), end,
               static_cast<double>(rng.below(5000)), i);
      last = last > 2000 ? 50 : end;  // prices stay of a size
    }
  }
  return feed.feed();
}

TEST(Engine, ConservesOverTenThousandSessionsOfRandomOrders) {
  for (const bool margin : {false, true}) {
    Rng rng(margin ? 8 : 7);
    const Feed feed = random_feed(5000, 6, rng);
    Broker broker = broker_profile("ib_us", "test");
    broker.cash = Decimal(1'000'000), broker.slippage_bps = Decimal(3), broker.participation = dec("0.05");
    broker.borrow_rate = dec("0.03"), broker.interest_rate = dec("0.05"), broker.cash_rate = dec("0.01");
    if (margin) broker.cash = Decimal(20'000), broker.margin = dec("0.5");
    Chance chance;
    Deciding strategy([&](TradingSession& session) {
      for (int i = 0; i < 3; ++i) chance.submit(session);
    });
    const BacktestResult result = run_backtest(feed, broker, strategy);
    Books books;
    size_t event = 0, bar = 0;
    std::map<int32_t, double> close;
    for (size_t s = 0; s < feed.sessions.size(); ++s) {
      for (; event < result.events.size() && result.events[event].date == feed.sessions[s].date; ++event)
        books.add(result.events[event]);
      for (; bar < feed.sessions[s].bars_end; ++bar) close[feed.bars[bar].instrument] = feed.bars[bar].close;
      Decimal equity = books.cash;
      bool all_fresh = true;
      for (const auto& [instrument, quantity] : books.quantities) {
        if (quantity.is_zero()) continue;
        bool fresh = false;
        for (size_t b = s == 0 ? 0 : feed.sessions[s - 1].bars_end; b < feed.sessions[s].bars_end; ++b)
          fresh = fresh || feed.bars[b].instrument == instrument;
        all_fresh = all_fresh && fresh;
        equity += quantity * Decimal::of_double(close[instrument]);
      }
      if (all_fresh) {
        ASSERT_EQ(equity, result.curve[s].equity) << "session " << s;
      }
      ASSERT_EQ(books.cash, result.curve[s].cash);
    }
    EXPECT_EQ(event, result.events.size());
    EXPECT_GT(result.fills.size(), 3000u);
    // The sums of the result are those of the events.
    Decimal fees;
    for (const Fill& fill : result.fills) fees += fill.fee;
    EXPECT_EQ(fees, result.fees);
    EXPECT_EQ(run_backtest(feed, broker, *std::make_unique<Deciding>([c = Chance{}](TradingSession& session) mutable {
                             for (int i = 0; i < 3; ++i) c.submit(session);
                           }))
                  .ledger_sha256(),
              result.ledger_sha256());
  }
}

// ---- What counts of a curve

// A short sale that loses more than there is, and then comes back.
Feed ruinous_feed() {
  FeedBuilder feed({"A"});
  feed.session("2014-01-02").flat(10).session("2014-01-03").flat(10).session("2014-01-06").flat(10);
  feed.session("2014-01-07").flat(25).session("2014-01-08").flat(5);
  return feed.feed();
}

TEST(Engine, ResultsEndWhenTheAccountIsRuined) {
  const Feed feed = ruinous_feed();
  Schedule schedule;
  schedule.targets.push_back({.date = date(2014, 1, 3), .weight = Decimal(-1)});
  Broker broker = broker_profile("frictionless", "test");
  broker.cash = dec("1000");
  const BacktestResult event = run_backtest(feed, broker, *scheduled_strategy(schedule, broker, &feed));
  for (const BacktestResult& result : {event, run_vector(feed, broker, schedule)}) {
    EXPECT_EQ(result.end_equity.text(), "1500");  // by the rules of the engine, which trades on
    ASSERT_EQ(result.ruin(), 3u);
    EXPECT_EQ(result.last_equity().text(), "-500");
    EXPECT_EQ(result.returns(), (std::vector<double>{0, -1.5}));
    EXPECT_EQ(result.json().at("ruined").dump(), R"({"time":"2014-01-07","equity":"-500"})");
    const ReturnStatistics statistics = statistics_of(result.returns());
    EXPECT_TRUE(statistics.ruined);
    EXPECT_TRUE(std::isnan(statistics.psr) && std::isnan(statistics.dsr));
  }
  EXPECT_TRUE(hold(feed, "1", broker).json().at("ruined").is_null());
}

TEST(Engine, PricesThatMoneyCannotHoldAreRefused) {
  Schedule schedule;
  schedule.targets.push_back({.date = date(2014, 1, 3), .weight = Decimal(1)});
  const Broker broker = broker_profile("frictionless", "test");
  const auto error_at = [&](double price) {
    FeedBuilder feed({"SHIB"});
    feed.session("2014-01-02").flat(1).session("2014-01-03").flat(price).session("2014-01-06").flat(price);
    const std::string event =
        error_of([&] { run_backtest(feed.feed(), broker, *scheduled_strategy(schedule, broker, &feed.feed())); });
    EXPECT_EQ(error_of([&] { run_vector(feed.feed(), broker, schedule); }), event);
    return event;
  };
  for (const double price : {4e-9, 6e-9, 1.4e-8, 0.0012345678912}) {
    const std::string error = error_at(price);
    for (const std::string& part : {std::string("SHIB"), std::string("2014-01-03"), fmt::format("close {}", price),
                                    std::string("in a smaller unit")})
      EXPECT_NE(error.find(part), std::string::npos) << error;
  }
  EXPECT_NE(error_at(2e10).find("below 1e10"), std::string::npos);
  for (const double price : {1e-8, 0.00001234, 0.00123456, 0.0051234567891, 9e9})
    EXPECT_EQ(error_at(price), "no error");
}

TEST(Engine, AWeightNeedsACloseThatSplitsLeaveAboveZero) {
  FeedBuilder feed({"A", "B"});
  feed.session("2014-01-02").flat(0.001).flat(1, 1);
  feed.session("2014-01-03").split(1'000'000).flat(1, 1);
  Deciding strategy([](TradingSession& session) { session.order_target(0, Decimal(1)); });
  EXPECT_NE(error_of([&] { run_backtest(feed.feed(), {}, strategy); }).find("after its splits"), std::string::npos);
}

TEST(Engine, StopsBetweenSessions) {
  FeedBuilder feed({"A"});
  for (const char* day : {"2014-01-02", "2014-01-03", "2014-01-06"}) feed.session(day).flat(1);
  std::atomic<bool> stop = false;
  int decided = 0;
  Deciding strategy([&](TradingSession&) { stop = ++decided == 2; });
  EXPECT_THROW(run_backtest(feed.feed(), {}, strategy, &stop), Stopped);
  EXPECT_EQ(decided, 2);
  EXPECT_THROW(run_vector(feed.feed(), broker_profile("frictionless", "test"), {}, &stop), Stopped);
}

TEST(Engine, OrdersThatTheMarginDoesNotAllowAreCounted) {
  FeedBuilder feed({"A"});
  for (const char* day : {"2014-01-02", "2014-01-03", "2014-01-06"}) feed.session(day).flat(10);
  Broker broker = broker_with("1000");
  broker.margin = dec("0.5");
  EXPECT_EQ(hold(feed.feed(), "100", broker).json().at("refused"), 0);
  EXPECT_EQ(hold(feed.feed(), "1000", broker).json().at("refused"), 1);
}

TEST(Engine, AYearHas252SessionsOfAsManyPeriodsAsThereAre) {
  BacktestResult result;
  EXPECT_EQ(result.periods_a_year(), 252);
  for (const int day : {2, 3, 6}) result.curve.push_back({.date = date(2014, 1, day)});
  EXPECT_EQ(result.periods_a_year(), 252);
  result.curve.insert(result.curve.begin() + 1, result.curve.front());
  result.curve.push_back(result.curve.back());
  result.curve.push_back(result.curve.back());  // two, one and three in three sessions
  EXPECT_EQ(result.periods_a_year(), 504);
}

TEST(Engine, ReturnsBeginAtTheFirstDecision) {
  FeedBuilder feed({"A"});
  for (const char* day : {"2014-01-02", "2014-01-03", "2014-01-06"}) feed.session(day).flat(10);
  feed.session("2014-01-07").flat(11).session("2014-01-08").flat(11);
  Schedule schedule;
  schedule.targets.push_back({.date = date(2014, 1, 3), .weight = Decimal(1)});
  Broker broker = broker_profile("frictionless", "test");
  broker.cash = dec("1000");
  const BacktestResult event = run_backtest(feed.feed(), broker, *scheduled_strategy(schedule, broker, &feed.feed()));
  for (const BacktestResult& result : {event, run_vector(feed.feed(), broker, schedule)}) {
    EXPECT_EQ(result.first_decision, 1u);
    ASSERT_EQ(result.returns().size(), 3u);
    EXPECT_EQ(result.returns()[0], 0);
    EXPECT_NEAR(result.returns()[1], 0.1, 1e-12);
  }
  Deciding idle([](TradingSession&) {});
  EXPECT_EQ(run_backtest(feed.feed(), broker, idle).returns(), std::vector<double>(4, 0));
}

}  // namespace
}  // namespace hadal::market
