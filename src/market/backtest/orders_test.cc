// Each type of order against a plain oracle, and what limits a fill.
#include <gtest/gtest.h>

#include <optional>

#include "base/rng.h"
#include "market/backtest/testing/feeds.h"

namespace hadal::market {
namespace {

// Decides once, at the first close.
BacktestResult run_order(const Feed& feed, const Order& order, const Broker& broker = {}) {
  Deciding strategy([&](TradingSession& session) {
    if (session.date() == feed.sessions.front().date) session.submit(order);
  });
  return run_backtest(feed, broker, strategy);
}

Broker whole_shares() {
  Broker broker;
  broker.cash = Decimal(1'000'000);
  return broker;
}

Order order_of(std::string_view quantity, OrderType type, std::string_view limit = "0", std::string_view stop = "0",
               TimeInForce tif = TimeInForce::day) {
  return {.quantity = dec(quantity), .type = type, .limit = dec(limit), .stop = dec(stop), .tif = tif};
}

// "2014-01-03 100 @ 41.5; ..."
std::string fills_text(const BacktestResult& result) {
  std::string text;
  for (const Fill& fill : result.fills)
    text += fmt::format("{}{} {} @ {}", text.empty() ? "" : "; ", date_text(fill.date), fill.quantity.text(),
                        fill.price.text());
  return text;
}

Feed two_days(double open, double high, double low, double close, double volume = 1e9) {
  return FeedBuilder({"A"})
      .session("2014-01-02")
      .flat(100)
      .session("2014-01-03")
      .bar(open, high, low, close, volume)
      .feed();
}

TEST(Orders, FillWhereTheRulesSay) {
  const Feed up = two_days(101, 106, 99, 104);
  struct Case {
    Order order;
    std::string fills;
  };
  const std::vector<Case> cases{
      {order_of("10", OrderType::market), "2014-01-03 10 @ 101"},
      {order_of("-10", OrderType::on_open), "2014-01-03 -10 @ 101"},
      {order_of("10", OrderType::on_close), "2014-01-03 10 @ 104"},
      {order_of("10", OrderType::limit, "102"), "2014-01-03 10 @ 101"},  // a gap in the buyer's favour
      {order_of("10", OrderType::limit, "100"), "2014-01-03 10 @ 100"},
      {order_of("10", OrderType::limit, "99"), ""},  // a touch
      {order_of("-10", OrderType::limit, "100"), "2014-01-03 -10 @ 101"},
      {order_of("-10", OrderType::limit, "105"), "2014-01-03 -10 @ 105"},
      {order_of("-10", OrderType::limit, "106"), ""},
      {order_of("10", OrderType::stop, "0", "100"), "2014-01-03 10 @ 101"},  // a gap against the buyer
      {order_of("10", OrderType::stop, "0", "106"), "2014-01-03 10 @ 106"},  // a touch triggers
      {order_of("10", OrderType::stop, "0", "106.01"), ""},
      {order_of("-10", OrderType::stop, "0", "102"), "2014-01-03 -10 @ 101"},
      {order_of("-10", OrderType::stop, "0", "99"), "2014-01-03 -10 @ 99"},
      {order_of("10", OrderType::stop_limit, "103", "102"), "2014-01-03 10 @ 102"},
      {order_of("10", OrderType::stop_limit, "101.5", "102"), ""},
      {order_of("-10", OrderType::stop_limit, "99.5", "100"), "2014-01-03 -10 @ 100"},
  };
  for (size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ(fills_text(run_order(up, cases[i].order, whole_shares())), cases[i].fills) << "case " << i;
}

// The rules once more, for one side after the other and in floating point on a grid where that is exact.
struct Oracle {
  Order order;
  double limit, stop;
  bool triggered = false;

  std::optional<double> buy(const FeedBar& b) {
    if (order.type == OrderType::market || order.type == OrderType::on_open) return b.open;
    if (order.type == OrderType::on_close) return b.close;
    if (order.type == OrderType::limit || triggered)
      return b.open <= limit ? std::optional(b.open) : b.low < limit ? std::optional(limit) : std::nullopt;
    double price = 0;
    if (b.open >= stop)
      price = b.open;
    else if (b.high >= stop)
      price = stop;
    else
      return {};
    if (order.type == OrderType::stop) return price;
    triggered = true;
    return price <= limit ? std::optional(price) : std::nullopt;
  }
  std::optional<double> sell(const FeedBar& b) {
    if (order.type == OrderType::market || order.type == OrderType::on_open) return b.open;
    if (order.type == OrderType::on_close) return b.close;
    if (order.type == OrderType::limit || triggered)
      return b.open >= limit ? std::optional(b.open) : b.high > limit ? std::optional(limit) : std::nullopt;
    double price = 0;
    if (b.open <= stop)
      price = b.open;
    else if (b.low <= stop)
      price = stop;
    else
      return {};
    if (order.type == OrderType::stop) return price;
    triggered = true;
    return price >= limit ? std::optional(price) : std::nullopt;
  }
};

TEST(Orders, AgreeWithAPlainOracleOnRandomBars) {
  Rng rng(4);
  const auto price = [&] { return 90 + 0.5 * static_cast<double>(rng.below(40)); };
  int filled = 0;
  for (int round = 0; round < 4000; ++round) {
    FeedBuilder builder({"A"});
    for (int day = 0; day < 6; ++day) {
      builder.session(date_text(date(2014, 1, 2) + day));
      if (day > 0 && rng.below(5) == 0) continue;  // no bar: orders wait
      const double a = price(), b = price(), c = price(), d = price();
      builder.bar(a, std::max({a, b, c, d}), std::min({a, b, c, d}), b);
    }
    const Feed& feed = builder.feed();
    Oracle oracle{.order = {.quantity = Decimal(rng.below(2) == 0 ? 7 : -7),
                            .type = static_cast<OrderType>(rng.below(6)),
                            .tif = rng.below(2) == 0 ? TimeInForce::day : TimeInForce::gtc},
                  .limit = price(),
                  .stop = price()};
    oracle.order.limit = Decimal::of_double(oracle.limit), oracle.order.stop = Decimal::of_double(oracle.stop);
    std::string expected;
    size_t bar = 1;
    for (size_t s = 1; s < feed.sessions.size(); ++s) {
      if (feed.sessions[s].bars_end == feed.sessions[s - 1].bars_end) continue;
      const FeedBar& b = feed.bars[bar++];
      const auto at = oracle.order.quantity > Decimal{} ? oracle.buy(b) : oracle.sell(b);
      if (at) {
        expected = fmt::format("{} {} @ {}", date_text(feed.sessions[s].date), oracle.order.quantity.text(), *at);
        break;
      }
      if (oracle.order.tif == TimeInForce::day) break;
    }
    filled += !expected.empty();
    ASSERT_EQ(fills_text(run_order(feed, oracle.order, whole_shares())), expected) << "round " << round;
  }
  EXPECT_GT(filled, 1500);
  EXPECT_LT(filled, 3900);
}

TEST(Orders, DayLivesInTheNextSessionWithABarAndGtcUntilCancelled) {
  FeedBuilder feed({"A", "B"});
  feed.session("2014-01-02").flat(100).flat(50, 1);
  feed.session("2014-01-03").flat(50, 1);  // A pauses
  feed.session("2014-01-06").flat(100).flat(50, 1);
  feed.session("2014-01-07").bar(90, 90, 90, 90).flat(50, 1);
  EXPECT_EQ(fills_text(run_order(feed.feed(), order_of("5", OrderType::market))), "2014-01-06 5 @ 100");
  EXPECT_EQ(fills_text(run_order(feed.feed(), order_of("5", OrderType::limit, "95"))), "");
  EXPECT_EQ(fills_text(run_order(feed.feed(), order_of("5", OrderType::limit, "95", "0", TimeInForce::gtc))),
            "2014-01-07 5 @ 90");
  Deciding cancels([&](TradingSession& session) {
    if (session.date() == date(2014, 1, 2))
      session.submit(order_of("5", OrderType::limit, "95", "0", TimeInForce::gtc));
    if (session.date() == date(2014, 1, 6)) {
      EXPECT_TRUE(session.cancel(1));
      EXPECT_FALSE(session.cancel(1));
    }
  });
  EXPECT_EQ(fills_text(run_backtest(feed.feed(), {}, cancels)), "");
}

TEST(Orders, ParticipationIsSharedAndLeavesARest) {
  FeedBuilder feed({"A"});
  feed.session("2014-01-02").flat(100);
  for (const char* day : {"2014-01-03", "2014-01-06", "2014-01-07"}) feed.session(day).bar(100, 100, 100, 100, 999);
  Broker broker = whole_shares();
  broker.participation = dec("0.1");  // 99 a bar
  EXPECT_EQ(fills_text(run_order(feed.feed(), order_of("150", OrderType::market), broker)), "2014-01-03 99 @ 100");
  EXPECT_EQ(fills_text(run_order(feed.feed(), order_of("150", OrderType::market, "0", "0", TimeInForce::gtc), broker)),
            "2014-01-03 99 @ 100; 2014-01-06 51 @ 100");
  Deciding two([&](TradingSession& session) {
    if (session.date() != date(2014, 1, 2)) return;
    session.submit(order_of("60", OrderType::on_close));
    session.submit(order_of("-60", OrderType::market, "0", "0", TimeInForce::gtc));
  });
  EXPECT_EQ(fills_text(run_backtest(feed.feed(), broker, two)),
            "2014-01-03 60 @ 100; 2014-01-03 -39 @ 100; 2014-01-06 -21 @ 100");
}

TEST(Orders, ATriggeredStopLimitStaysTriggered) {
  FeedBuilder feed({"A"});
  feed.session("2014-01-02").flat(100);
  feed.session("2014-01-03").bar(104, 106, 103, 105);  // reaches 103 at 104, above the limit
  feed.session("2014-01-06").bar(101, 102, 100, 101);  // below the stop: a limit order by now
  EXPECT_EQ(fills_text(run_order(feed.feed(), order_of("5", OrderType::stop_limit, "103.5", "103", TimeInForce::gtc))),
            "2014-01-06 5 @ 101");
}

TEST(Orders, SlippageMovesPricesAgainstTheTrader) {
  Broker broker = whole_shares();
  broker.slippage_bps = Decimal(5);
  const Feed feed = two_days(101, 106, 99, 104);
  EXPECT_EQ(fills_text(run_order(feed, order_of("10", OrderType::market), broker)), "2014-01-03 10 @ 101.0505");
  EXPECT_EQ(fills_text(run_order(feed, order_of("-10", OrderType::on_close), broker)), "2014-01-03 -10 @ 103.948");
  EXPECT_EQ(fills_text(run_order(feed, order_of("-10", OrderType::stop, "0", "100"), broker)),
            "2014-01-03 -10 @ 99.95");
  EXPECT_EQ(fills_text(run_order(feed, order_of("10", OrderType::limit, "100"), broker)), "2014-01-03 10 @ 100");
  EXPECT_EQ(fills_text(run_order(feed, order_of("10", OrderType::stop_limit, "103", "102"), broker)),
            "2014-01-03 10 @ 102");
  EXPECT_EQ(run_order(feed, order_of("10", OrderType::market), broker).slippage.text(), "0.505");

  broker.slippage_bps = {};
  broker.spread_bps = Decimal(20);  // half of it
  EXPECT_EQ(fills_text(run_order(feed, order_of("-10", OrderType::market), broker)), "2014-01-03 -10 @ 100.899");
  broker.spread_bps = {};
  broker.volume_impact = 0.1;  // 10 of 100 traded: .1 * .01 of the price
  const Feed thin = two_days(100, 106, 99, 104, 100);
  EXPECT_EQ(fills_text(run_order(thin, order_of("10", OrderType::market), broker)), "2014-01-03 10 @ 100.1");
  broker.volume_impact = 0, broker.root_impact = 0.1;  // 4 of 100: .1 * .2
  EXPECT_EQ(fills_text(run_order(thin, order_of("4", OrderType::market), broker)), "2014-01-03 4 @ 102");
}

TEST(Orders, CommissionsHaveAMinimumAndACap) {
  const Broker ib = broker_profile("ib_us", "test");
  const auto fee = [&](std::string_view quantity, double price, const Broker& broker) {
    return run_order(two_days(price, price, price, price), order_of(quantity, OrderType::market), broker).fees.text();
  };
  EXPECT_EQ(fee("100", 50, ib), "1");       // .50 by shares
  EXPECT_EQ(fee("1000", 50, ib), "5");      // by shares
  EXPECT_EQ(fee("-1000", 0.5, ib), "2.5");  // .5% of 500 wins over 5
  EXPECT_EQ(fee("250", 0.4, ib), "0.5");    // over 1.25 too, which is above the minimum
  EXPECT_EQ(fee("199", 0.1, ib), "1");      // .995 by shares: the minimum, though the cap would be .0995
  EXPECT_EQ(fee("1000", 50, broker_profile("frictionless", "test")), "0");
  EXPECT_EQ(fee("0.5", 100, broker_profile("binance_spot", "test")), "0.05");
  EXPECT_EQ(fee("100", 10, broker_profile("cn_a", "test")), "5");  // the minimum
}

TEST(Orders, ChinasRulesHold) {
  const Broker cn = broker_profile("cn_a", "test");
  FeedBuilder feed({"A"});
  feed.session("2014-01-02").flat(10);
  feed.session("2014-01-03").flat(10);
  feed.session("2014-01-06").bar(11, 11, 11, 11);  // at the limit all day: nobody sells
  feed.session("2014-01-07").bar(11.5, 11.6, 11.4, 11.5);
  feed.session("2014-01-08").bar(11.5, 11.6, 11.4, 11.5);
  Deciding strategy([&](TradingSession& session) {
    const Date day = session.date();
    if (day == date(2014, 1, 2)) {
      session.submit(order_of("300", OrderType::market));
      session.submit(order_of("-300", OrderType::on_close));  // bought today: cannot be sold today
      session.submit(order_of("-100", OrderType::market));    // nothing held, no shorts
    }
    if (day == date(2014, 1, 3)) session.submit(order_of("100", OrderType::market));   // finds no seller
    if (day == date(2014, 1, 6)) session.submit(order_of("-500", OrderType::market));  // cut to what is held
    if (day == date(2014, 1, 7)) session.order_target(0, dec("0.1"));
  });
  const BacktestResult result = run_backtest(feed.feed(), cn, strategy);
  EXPECT_EQ(fills_text(result), "2014-01-03 300 @ 10; 2014-01-07 -300 @ 11.5; 2014-01-08 800 @ 11.5");
  EXPECT_EQ(result.fills[1].fee.text(), "6.725");  // 5, and stamp duty of .05%
}

TEST(Orders, CashAccountsBuyWhatTheyCanPay) {
  Broker spot = broker_profile("binance_spot", "test");
  spot.cash = Decimal(1000);
  const auto result = run_order(two_days(100, 100, 100, 100), order_of("20", OrderType::market), spot);
  ASSERT_EQ(result.fills.size(), 1u);
  EXPECT_GT(result.fills[0].quantity, dec("9.99"));
  EXPECT_GE(result.curve.back().cash, Decimal{});
  EXPECT_LT(result.curve.back().cash, dec("0.02"));
}

TEST(Orders, TicksRoundAgainstTheTrader) {
  Broker broker = whole_shares();
  broker.slippage_bps = Decimal(3), broker.tick = dec("0.05");
  const Feed feed = two_days(100, 106, 99, 104);
  EXPECT_EQ(fills_text(run_order(feed, order_of("10", OrderType::market), broker)), "2014-01-03 10 @ 100.05");
  EXPECT_EQ(fills_text(run_order(feed, order_of("-10", OrderType::market), broker)), "2014-01-03 -10 @ 99.95");
}

TEST(Orders, MarginIsCheckedAndCalled) {
  Broker broker = whole_shares();
  broker.cash = Decimal(10'000), broker.margin = dec("0.5");
  FeedBuilder feed({"A", "B"});
  feed.session("2014-01-02").flat(100).flat(10, 1);
  feed.session("2014-01-03").flat(100).flat(10, 1);
  feed.session("2014-01-06").bar(99, 99, 60, 60).flat(10, 1);
  feed.session("2014-01-07").bar(59, 59, 59, 59).flat(10, 1);
  Deciding strategy([&](TradingSession& session) {
    if (session.date() != date(2014, 1, 2)) return;
    session.submit(order_of("150", OrderType::market));
    session.submit({.instrument = 1, .quantity = Decimal(501)});  // one too many for half of equity
    session.submit({.instrument = 1, .quantity = Decimal(500)});
  });
  const BacktestResult result = run_backtest(feed.feed(), broker, strategy);
  // Equity is 4,000 against positions of 14,000, above a quarter: no call.
  EXPECT_EQ(fills_text(result), "2014-01-03 150 @ 100; 2014-01-03 500 @ 10");
  EXPECT_NE(result.ledger_text().find("2014-01-03,reject,B,501,10,0,"), std::string::npos) << result.ledger_text();

  FeedBuilder fall({"A"});
  fall.session("2014-01-02").flat(100).session("2014-01-03").flat(100).session("2014-01-06").bar(90, 90, 60, 60);
  fall.session("2014-01-07").bar(59, 59, 59, 59);
  const BacktestResult called = run_order(fall.feed(), order_of("200", OrderType::market), broker);
  // 2,000 of equity against 12,000: all is sold at the next open.
  EXPECT_EQ(fills_text(called), "2014-01-03 200 @ 100; 2014-01-07 -200 @ 59");
  EXPECT_NE(called.ledger_text().find("2014-01-06,margin_call,A,-200,60,0,"), std::string::npos);
  EXPECT_EQ(called.end_equity.text(), "1800");
}

}  // namespace
}  // namespace hadal::market
