// Factors judged while a market is read in blocks: the same values as over the whole panel at once.
#include "market/factor_ic.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/rng.h"
#include "market/testing/market_files.h"

namespace hadal::market {
namespace {
using test::error_of;
using test::MarketFolder;

constexpr const char* kLabel = "Ref($open,-2)/Ref($open,-1)-1";

// Instruments that begin late, end early, pause, pay dividends and have faults.
class FactorIcTest : public ::testing::Test {
 protected:
  FactorIcTest() {
    constexpr int kDays = 300;
    Rng rng(5);
    std::string csv = "date,symbol,open,high,low,close,volume\n", dividends = "date,symbol,amount\n";
    for (int i = 0; i < 21; ++i) {
      double close = 50;
      const int first = i % 4 == 1 ? 90 : 0, last = i % 5 == 2 ? 200 : kDays;
      for (int day = first; day < last; ++day) {
        if (rng.uniform() < 0.1) continue;
        const double open = close * (1 + 0.01 * rng.normal());
        close = open * (1 + 0.02 * rng.normal());
        const double high = rng.uniform() < 0.02 ? 1 : 1.01 * std::max(open, close);  // a fault
        csv += fmt::format("{},S{:02},{:.4f},{:.4f},{:.4f},{:.4f},{}\n", date_text(date(2015, 1, 1) + day), i, open,
                           high, 0.99 * std::min(open, close), close, 1000 + rng.below(500));
      }
      dividends += fmt::format("{},S{:02},1.5\n", date_text(date(2015, 1, 1) + 120 + i), i);
    }
    folder_.import("bars.csv", csv);
    folder_.import("d.csv", dividends, {.kind = "dividends"});
    folder_.import("list.csv",
                   "symbol,first,last\nS00,2015-01-01,2015-06-30\nS03,2015-02-01,\nS04,2015-01-01,\n"
                   "S05,2015-01-01,\nS07,2015-03-01,2015-09-30\n",
                   {.kind = "membership", .symbol = "some"});
  }

  static void expect_same_bits(std::span<const double> a, std::span<const double> b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i)
      ASSERT_TRUE(std::bit_cast<uint64_t>(a[i]) == std::bit_cast<uint64_t>(b[i]) || (a[i] != a[i] && b[i] != b[i]))
          << i << ": " << a[i] << " and " << b[i];
  }
  static void expect_same_panel(const Panel& a, const Panel& b) {
    EXPECT_EQ(a.symbols, b.symbols);
    EXPECT_EQ(a.times, b.times);
    EXPECT_EQ(a.sessions, b.sessions);
    EXPECT_EQ(a.member, b.member);
    expect_same_bits(a.open, b.open), expect_same_bits(a.high, b.high), expect_same_bits(a.low, b.low);
    expect_same_bits(a.close, b.close), expect_same_bits(a.volume, b.volume), expect_same_bits(a.vwap, b.vwap);
  }
  // Rows [row, row + rows) and instruments [first, first + count) of a panel.
  static Panel cut(const Panel& panel, size_t row, size_t rows, size_t first, size_t count) {
    Panel part;
    part.symbols.assign(panel.symbols.begin() + first, panel.symbols.begin() + first + count);
    part.times.assign(panel.times.begin() + row, panel.times.begin() + row + rows);
    part.sessions.assign(panel.sessions.begin() + row, panel.sessions.begin() + row + rows);
    for (size_t t = row; t < row + rows; ++t)
      for (size_t at = panel.at(t, first); at < panel.at(t, first) + count; ++at) {
        part.open.push_back(panel.open[at]), part.high.push_back(panel.high[at]), part.low.push_back(panel.low[at]);
        part.close.push_back(panel.close[at]), part.volume.push_back(panel.volume[at]);
        part.vwap.push_back(panel.vwap[at]), part.member.push_back(panel.member[at]);
      }
    return part;
  }
  MarketFolder folder_;
};

TEST_F(FactorIcTest, APanelInPartsIsTheWholeOne) {
  const Market market = folder_.open();
  for (const Query& query : {Query{.prices = Prices::forward}, Query{.prices = Prices::back, .universe = "some"},
                             Query{.from = date(2015, 4, 1), .to = date(2015, 8, 1), .prices = Prices::split}}) {
    const Panel whole = market.panel(query);
    const auto reader = market.read_panel(query);
    const size_t times = whole.num_times(), n = whole.num_instruments();
    int64_t bars = 0;
    for (const double close : whole.close) bars += close == close;
    EXPECT_EQ(reader->num_bars(), bars);
    EXPECT_GT(bars, 300);
    Panel part;
    for (const size_t row : {size_t{50}, size_t{0}, size_t{97}, times - 3}) {
      reader->read_rows(row, 31, part);
      expect_same_panel(part, cut(whole, row, std::min<size_t>(31, times - row), 0, n));
    }
    reader->read_rows(times, 5, part);
    EXPECT_EQ(part.num_times(), 0u);
    for (const size_t first : {size_t{2}, n - 2}) {
      reader->read_instruments(first, 3, part);
      expect_same_panel(part, cut(whole, 0, times, first, std::min<size_t>(3, n - first)));
    }
    for (size_t i = 0; i < n; ++i) {
      size_t first = times, last = 0;
      for (size_t t = 0; t < times; ++t)
        if (whole.has_bar(t, i)) first = std::min(first, t), last = t;
      EXPECT_EQ(reader->spans()[i].first, first);
      EXPECT_EQ(reader->spans()[i].last, last);
    }
  }
}

TEST_F(FactorIcTest, IsThatOfTheWholePanelAtOnce) {
  const FactorProgram factors(
      {{"mean", "Mean($close,20)/$close"}, {"ema", "EMA($volume,5)/$volume"}, {"rank", "CSRank(Ref($close,5)/$close)"}},
      "");
  const Market market = folder_.open();
  for (const char* text : {kLabel, "CSRank(Ref($close,-3)/$close)"})
    for (const Query& query : {Query{.prices = Prices::forward}, Query{.universe = "some"}}) {
      const FactorProgram label({{"label", text}}, "", LookAhead::allowed);
      const Panel panel = market.panel(query);
      const size_t n = panel.num_instruments(), times = panel.num_times();
      std::vector<double> labels = evaluate_factors(label, panel);
      for (size_t at = 0; at < labels.size(); ++at)
        if (panel.member[at] == 0) labels[at] = kMissing;
      const std::vector<double> values = evaluate_factors(factors, panel);
      const auto reader = market.read_panel(query);
      for (const IcKind kind : {IcKind::pearson, IcKind::rank})
        for (const size_t first_row : {size_t{0}, size_t{70}}) {
          const FactorIcs ics = factor_ics(factors, label, *reader, kind, first_row);
          ASSERT_EQ(ics.times.size(), times - first_row);
          EXPECT_EQ(ics.sessions.front(), panel.sessions[first_row]);
          EXPECT_EQ(ics.horizon, label.look_ahead(0));
          for (size_t f = 0; f < 3; ++f) {
            std::vector<double> scores;
            for (size_t cell = first_row * n; cell < times * n; ++cell) scores.push_back(values[cell * 3 + f]);
            const auto series = ic_series(scores, std::span(labels).subspan(first_row * n), n, kind);
            EXPECT_GT(summarize_ic(series, 1).count, 100);
            expect_same_bits(ics.series(f), series);
            EXPECT_EQ(ics.summary(f).error, summarize_ic(series, static_cast<int>(ics.horizon)).error);
          }
        }
    }
}

TEST_F(FactorIcTest, TheOrderOfInstrumentsChangesNothing) {
  const FactorProgram factors({{"rank", "CSRank(Ref($close,5)/$close)"}, {"others", "Mask($close,S03)*$volume"}}, "");
  const FactorProgram label({{"label", kLabel}}, "", LookAhead::allowed);
  const Market market = folder_.open();
  for (const Query& query : {Query{.prices = Prices::forward}, Query{.universe = "some"}}) {
    const auto by_symbol = market.read_panel(query), by_span = market.read_panel(query, PanelOrder::by_span);
    EXPECT_NE(by_symbol->symbols(), by_span->symbols());
    for (size_t i = 1; i < by_span->spans().size(); ++i)
      EXPECT_LE(by_span->spans()[i - 1].first, by_span->spans()[i].first);
    EXPECT_EQ(by_symbol->num_bars(), by_span->num_bars());
    for (const IcKind kind : {IcKind::pearson, IcKind::rank}) {
      const FactorIcs a = factor_ics(factors, label, *by_symbol, kind), b = factor_ics(factors, label, *by_span, kind);
      EXPECT_EQ(a.times, b.times);
      ASSERT_EQ(a.values.size(), b.values.size());
      for (size_t i = 0; i < a.values.size(); ++i)
        ASSERT_TRUE(std::abs(a.values[i] - b.values[i]) < 1e-12 ||
                    (a.values[i] != a.values[i] && b.values[i] != b.values[i]))
            << i;
    }
  }
}

TEST_F(FactorIcTest, FactorsThatLookAheadAreRefused) {
  const Market market = folder_.open();
  const auto reader = market.read_panel({});
  const FactorProgram ahead({{"label", kLabel}}, "", LookAhead::allowed);
  EXPECT_NE(error_of([&] { factor_ics(ahead, ahead, *reader, IcKind::rank); }).find("2 bars ahead"), std::string::npos);
}

}  // namespace
}  // namespace hadal::market
