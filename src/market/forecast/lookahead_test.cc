#include "market/lookahead.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "market/testing/made_source.h"

namespace hadal::market {
namespace {

using testing::made_panel;
using testing::MadeSource;

// A market of three instruments whose prices are shown as vendors do: every close is divided by what is known of later
// dividends, so it depends on the time of looking. `S102` is listed late.
Panel vendor_panel(Time as_of, Prices prices) {
  Panel all = made_panel(200, 3);
  testing::pause(all, 2, 0, 60);
  size_t rows = 0;
  while (rows < 200 && all.times[rows] <= as_of) ++rows;
  Panel panel = all;
  panel.sessions.resize(rows), panel.times.resize(rows);
  for (auto* column : {&panel.open, &panel.high, &panel.low, &panel.close, &panel.volume, &panel.vwap})
    column->resize(rows * 3);
  panel.member.resize(rows * 3);
  if (prices != Prices::back) return panel;
  for (size_t t = 0; t < rows; ++t)
    for (size_t i = 0; i < 3; ++i) panel.close[panel.at(t, i)] *= std::pow(0.99, rows / 50 - t / 50);
  return panel;
}

// Factors of a panel: what is given says how they look at it.
using Factor = std::function<double(const Panel&, size_t row, size_t instrument)>;
class PanelSource : public MadeSource {
 public:
  PanelSource(Panel panel, const std::vector<Factor>& factors) : MadeSource(std::move(panel), factors.size(), 0) {
    for (size_t t = 0; t < panel_.num_times(); ++t) {
      for (size_t i = 0; i < panel_.num_instruments(); ++i) {
        for (size_t f = 0; f < factors.size(); ++f)
          values[panel_.at(t, i) * factors.size() + f] = factors[f](panel_, t, i);
        const size_t end = ends[panel_.at(t, i)];
        if (end < panel_.num_times())
          label[panel_.at(t, i)] = panel_.close[panel_.at(end, i)] / panel_.close[panel_.at(t, i)] - 1;
      }
    }
  }
};

double level(const Panel& p, size_t t, size_t i) { return p.close[p.at(t, i)]; }
double growth(const Panel& p, size_t t, size_t i) {
  return t >= 5 ? p.close[p.at(t, i)] / p.close[p.at(t - 5, i)] : kMissing;
}
double tomorrow(const Panel& p, size_t t, size_t i) {
  return t + 1 < p.num_times() ? p.close[p.at(t + 1, i)] / p.close[p.at(t, i)] : kMissing;
}
// A z-score by mean and deviation of the whole history: what the future does to it is small, and enough.
double whole_history(const Panel& p, size_t t, size_t i) {
  double sum = 0;
  size_t count = 0;
  for (size_t u = 0; u < p.num_times(); ++u)
    if (p.has_bar(u, i)) sum += p.close[p.at(u, i)], ++count;
  return p.close[p.at(t, i)] - sum / static_cast<double>(count);
}

LookaheadReport check(const std::string& rest, Prices prices, const std::vector<Factor>& factors, int64_t samples = 6) {
  const StrategyFile strategy =
      parse_strategy("[data]\nmarket = \"m\"\n[factors]\nf0 = \"$close\"\nf1 = \"$open\"\n" + rest, "s.toml");
  return check_lookahead(
      strategy, [&](Time as_of) { return vendor_panel(as_of, prices); },
      [&](Panel panel) { return std::make_unique<PanelSource>(std::move(panel), factors); }, samples);
}

const std::string kByScore = "[portfolio]\nkind = \"rank\"\nscore = \"f0\"\n";

TEST(Lookahead, ClearsWhatIsSound) {
  const LookaheadReport report = check(kByScore, Prices::forward, {growth, level});
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.samples, 6);
  EXPECT_EQ(dump_json(to_json(report)), R"({"clean":true,"samples":6,"leaks":[]})");
}

TEST(Lookahead, ARatioOfAdjustedPricesIsNoLeakTheirLevelIsOne) {
  EXPECT_TRUE(check(kByScore, Prices::back, {[](const Panel& p, size_t t, size_t i) {
                      return t % 50 < 5 ? 1 : growth(p, t, i);  // within one dividend's span
                    }})
                  .clean());
  const LookaheadReport report = check(kByScore, Prices::back, {growth, level});
  ASSERT_EQ(report.leaks.size(), 1u);
  EXPECT_EQ(report.leaks[0].node, "f1");
  EXPECT_EQ(report.leaks[0].symbol, "S100");
  EXPECT_LT(report.leaks[0].full, report.leaks[0].cut);
}

TEST(Lookahead, NamesEachFactorThatKnowsTheFuture) {
  const LookaheadReport report = check(kByScore, Prices::forward, {tomorrow, whole_history});
  ASSERT_EQ(report.leaks.size(), 2u);
  EXPECT_EQ(report.leaks[0].node, "f0");
  EXPECT_TRUE(std::isnan(report.leaks[0].cut));
  EXPECT_EQ(report.leaks[1].node, "f1");
}

TEST(Lookahead, ComparesForecastsOfTheWalkForward) {
  const std::string forecast =
      "[forecast]\ntrain_days = 60\nvalid_days = 0\ntest_days = 30\nembargo_days = 2\npenalty = 1\n"
      "[portfolio]\nkind = \"top\"\ncount = 1\n";
  EXPECT_TRUE(check(forecast, Prices::forward, {growth, level}).clean());
}

// S102 is listed late, so that a panel cut early has not all instruments: the others' forecasts are the same.
TEST(Lookahead, ClearsNetworks) {
  for (const std::string kind : {"mlp", "transformer", "mixer"}) {
    const std::string forecast = "[forecast]\nkind = \"" + kind +
                                 "\"\ntrain_days = 50\nvalid_days = 15\ntest_days = 60\nembargo_days = 2\n"
                                 "look_back = 4\nwidth = 8\nepochs = 2\n";
    const LookaheadReport report = check(forecast, Prices::forward, {growth, growth}, 3);
    EXPECT_TRUE(report.clean()) << kind << dump_json(to_json(report));
    EXPECT_EQ(report.samples, 3);
  }
}

// The labels are where the leak is: they know what comes long after their last bar.
TEST(Lookahead, FindsALabelThatReachesIntoTheTestPart) {
  class LeakingLabels : public PanelSource {
   public:
    explicit LeakingLabels(Panel panel) : PanelSource(std::move(panel), {growth, growth}) {
      const size_t n = panel_.num_instruments();
      for (size_t at = 0; at + 40 * n < label.size(); ++at)
        if (!std::isnan(label[at])) label[at] += panel_.close[at + 40 * n];
    }
  };
  const StrategyFile strategy =
      testing::strategy_of("train_days = 60\nvalid_days = 0\ntest_days = 30\nembargo_days = 2\npenalty = 1\n");
  const auto report = check_lookahead(
      strategy, [](Time as_of) { return vendor_panel(as_of, Prices::forward); },
      [](Panel panel) { return std::make_unique<LeakingLabels>(std::move(panel)); }, 6);
  ASSERT_EQ(report.leaks.size(), 1u);
  EXPECT_EQ(report.leaks[0].node, "forecast");
}

TEST(Lookahead, RefusesFoldsThatTrainOnLaterData) {
  EXPECT_THROW(check("[forecast]\nwindow = \"combinatorial\"\n", Prices::forward, {growth, growth}), Error);
}

}  // namespace
}  // namespace hadal::market
