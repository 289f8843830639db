#include <gtest/gtest.h>

#include "market/portfolio/portfolio.h"
#include "market/testing/made_source.h"

namespace hadal::market {
namespace {

using testing::made_panel;

std::vector<Rebalance> decided(const PortfolioSpec& spec, const Panel& panel, const std::vector<double>& scores) {
  PortfolioPolicy policy(spec, "s.toml");
  return rebalances_of(policy, testing::MadeSource(panel, 0, 0), scores, {0, panel.num_times()});
}

std::string text_of_row(const std::vector<TargetWeight>& targets) {
  std::string text;
  for (const auto& t : targets) text += fmt::format("{}:{} ", t.instrument, t.weight.text());
  return text;
}

TEST(Weights, TopIsLongInEqualParts) {
  Panel panel = made_panel(2, 5);
  PortfolioSpec spec;
  spec.count = 3;
  EXPECT_EQ(text_of_row(weights_at(spec, panel, 0, std::vector<double>{1, 5, 3, 3, 3})),
            "1:0.33333333 2:0.33333333 3:0.33333333 ");  // of equal ones the first
  panel.member[panel.at(0, 1)] = 0;
  testing::pause(panel, 2, 0, 1);
  EXPECT_EQ(text_of_row(weights_at(spec, panel, 0, std::vector<double>{1, 5, 3, 3, kMissing})), "0:0.5 3:0.5 ");
}

TEST(Weights, RankIsCentredWithAnAbsoluteSumOfOne) {
  const Panel panel = made_panel(1, 5);
  PortfolioSpec spec;
  spec.kind = "rank";
  // Ranks 1 3.5 3.5 2, centred -1.5 1 1 -.5: absolute sum 4.
  EXPECT_EQ(text_of_row(weights_at(spec, panel, 0, std::vector<double>{-1, 7, 7, 0, kMissing})),
            "0:-0.375 1:0.25 2:0.25 3:-0.125 ");
  EXPECT_EQ(text_of_row(weights_at(spec, panel, 0, std::vector<double>{1, 1, kMissing, kMissing, kMissing})),
            "0:0 1:0 ");
}

TEST(Weights, SellsWhatIsNoLongerHeld) {
  const Panel panel = made_panel(7, 2);
  PortfolioSpec spec;
  spec.count = 1, spec.rebalance_days = 2;
  const std::vector<double> scores = {kMissing, kMissing, 2, 1, 1, 2, 1, 2, 1, 2, 1, 2, kMissing, kMissing};
  const auto rebalances = decided(spec, panel, scores);
  ASSERT_EQ(rebalances.size(), 3u);
  EXPECT_EQ(rebalances[0].row, 1u);
  EXPECT_EQ(text_of_row(rebalances[0].targets), "0:1 ");
  EXPECT_EQ(rebalances[1].row, 3u);
  EXPECT_EQ(text_of_row(rebalances[1].targets), "0:0 1:1 ");
  EXPECT_EQ(rebalances[2].row, 5u);
  EXPECT_EQ(text_of_row(rebalances[2].targets), "0:0 1:1 ");  // asked for again: the market may not have taken it whole
}

TEST(Weights, OfASessionItsLastBarDecides) {
  Panel panel = made_panel(6, 1);
  for (size_t t = 0; t < 6; ++t) panel.sessions[t] = panel.sessions[t / 3 * 3];
  const auto rebalances = decided(PortfolioSpec{}, panel, {1, 1, 1, 1, 1, 1});
  ASSERT_EQ(rebalances.size(), 2u);
  EXPECT_EQ(rebalances[0].row, 2u);
  EXPECT_EQ(rebalances[1].row, 5u);
}

}  // namespace
}  // namespace hadal::market
