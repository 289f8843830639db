#include "market/portfolio/risk_parity.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/testing/scratch.h"
#include "market/portfolio/portfolio.h"
#include "market/testing/made_source.h"

namespace hadal::market {
namespace {

using hadal::test::error_of;

// GG'/k + a little: some instruments are a hundred times as volatile as others.
std::vector<double> random_covariance(size_t n, size_t k, uint64_t seed) {
  Rng rng(seed);
  std::vector<double> g, out(n * n);
  for (size_t i = 0; i < n; ++i) {
    const double scale = std::exp(2.3 * rng.normal());
    for (size_t f = 0; f < k; ++f) g.push_back(scale * (1 + rng.normal()));
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j)
      for (size_t f = 0; f < k; ++f) out[i * n + j] += g[i * k + f] * g[j * k + f] / static_cast<double>(k);
    out[i * n + i] *= 1.01;
  }
  return out;
}

TEST(RiskParity, WithoutCorrelationIsByVolatility) {
  const auto w = risk_parity({4, 0, 0, 0, 1, 0, 0, 0, 0.25}, 3, "test");
  EXPECT_NEAR(w[0], 0.5 / 3.5, 1e-14);
  EXPECT_NEAR(w[1], 1 / 3.5, 1e-14);
  EXPECT_NEAR(w[2], 2 / 3.5, 1e-14);
}

TEST(RiskParity, OfTwoIsByVolatilityForAnyCorrelation) {
  for (const double correlation : {-0.99, -0.5, 0.0, 0.7, 0.999}) {
    const auto w = risk_parity({9, 3 * correlation, 3 * correlation, 1}, 2, "test");
    EXPECT_NEAR(w[0], 0.25, 1e-12) << correlation;
  }
}

TEST(RiskParity, ContributionsAreEqual) {
  for (const auto& [n, k] : {std::pair<size_t, size_t>{1, 1}, {5, 3}, {60, 10}, {200, 20}}) {
    const auto c = random_covariance(n, k, n);
    const auto w = risk_parity(c, n, "test");
    double sum = 0, total = 0;
    std::vector<double> part(n);
    for (size_t i = 0; i < n; ++i) {
      EXPECT_GT(w[i], 0);
      sum += w[i];
      for (size_t j = 0; j < n; ++j) part[i] += w[i] * c[i * n + j] * w[j];
      total += part[i];
    }
    EXPECT_NEAR(sum, 1, 1e-14);
    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(part[i] / total, 1 / static_cast<double>(n), 1e-10) << n << " " << i;
  }
}

TEST(RiskParity, SaysWhatItCannotDo) {
  EXPECT_NE(error_of([] {
              risk_parity({1, -1, -1, 1}, 2, "s.toml: [portfolio] on 2014-06-09");
            }).find("s.toml: [portfolio] on 2014-06-09: expected a positive definite covariance"),
            std::string::npos);
  EXPECT_NE(error_of([] {
              risk_parity({1, 0, 0, 0}, 2, "s");
            }).find("expected a positive definite covariance"),
            std::string::npos);
}

TEST(RiskParity, HoldsTheBestOrAll) {
  Panel panel = testing::made_panel(30, 6);
  testing::pause(panel, 5, 0, 20);
  PortfolioSpec spec;
  spec.kind = "risk_parity";
  spec.risk.days = 20;
  const testing::MadeSource source(panel, 0, 0);
  const std::vector<double> scores = {1, 6, kMissing, 4, 3, 9};
  for (const char* covariance : {"factor", "ledoit_wolf"}) {
    spec.risk.covariance = covariance;
    for (const auto& [count, expected] : {std::pair<int64_t, std::vector<uint32_t>>{2, {1, 3}}, {0, {0, 1, 3, 4}}}) {
      spec.count = count;
      const auto rebalance = PortfolioPolicy(spec, "s.toml").decide(source, 29, scores);
      ASSERT_TRUE(rebalance);
      std::vector<uint32_t> held;
      std::vector<double> weights;
      for (const TargetWeight& target : rebalance->targets) {
        held.push_back(target.instrument);
        weights.push_back(target.weight.to_double());
      }
      EXPECT_EQ(held, expected);
      const PastReturns past = past_returns(panel, 29, held, 20);
      EXPECT_LT(contribution_error(risk_model(spec.risk, past).dense(), weights), 1e-7);  // targets have 8 digits
    }
  }
}

}  // namespace
}  // namespace hadal::market
