#include "market/portfolio/risk_model.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/threads.h"
#include "market/testing/made_source.h"

namespace hadal::market {
namespace {

// Returns of one common factor and noise, [days][n].
std::vector<double> common_returns(size_t days, size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<double> returns;
  for (size_t t = 0; t < days; ++t) {
    const double common = 0.01 * rng.normal();
    for (size_t i = 0; i < n; ++i)
      returns.push_back((0.5 + 0.1 * static_cast<double>(i)) * common + 0.015 * rng.normal() + 0.001);
  }
  return returns;
}

std::vector<double> sample_covariance(const std::vector<double>& returns, size_t days) {
  const size_t n = returns.size() / days;
  std::vector<double> mean(n), s(n * n);
  for (size_t i = 0; i < returns.size(); ++i) mean[i % n] += returns[i] / static_cast<double>(days);
  for (size_t t = 0; t < days; ++t)
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j)
        s[i * n + j] += (returns[t * n + i] - mean[i]) * (returns[t * n + j] - mean[j]) / static_cast<double>(days);
  return s;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected, double within) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], within) << i;
}

// S = diag(2, .5), m = 1.25; |S - mI|^2 = 1.125; sum |x|^4 = 34, hence b2 = (34/4 - 4.25)/4 = 1.0625, rho = 17/18.
TEST(LedoitWolf, ByHand) {
  const RiskModel model = ledoit_wolf({2, 0, -2, 0, 0, 1, 0, -1}, 4);
  EXPECT_NEAR(model.shrinkage, 17.0 / 18, 1e-15);
  expect_near(model.covariance, {23.25 / 18, 0, 0, 21.75 / 18}, 1e-15);
}

// As the paper defines it: a sum over days of the squared distance of x x' from S.
TEST(LedoitWolf, EqualsItsDefinition) {
  for (const auto& [days, n] : {std::pair<size_t, size_t>{60, 7}, {9, 14}}) {
    const std::vector<double> returns = common_returns(days, n, 3), s = sample_covariance(returns, days);
    const double count = static_cast<double>(n), t2 = static_cast<double>(days * days);
    std::vector<double> mean(n);
    for (size_t i = 0; i < returns.size(); ++i) mean[i % n] += returns[i] / static_cast<double>(days);
    double m = 0, d2 = 0, b2 = 0;
    for (size_t i = 0; i < n; ++i) m += s[i * n + i] / count;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        d2 += std::pow(s[i * n + j] - (i == j ? m : 0), 2);
        for (size_t t = 0; t < days; ++t)
          b2 += std::pow((returns[t * n + i] - mean[i]) * (returns[t * n + j] - mean[j]) - s[i * n + j], 2) / t2;
      }
    }
    const double rho = std::min(b2, d2) / d2;
    ASSERT_GT(rho, 0.01);
    ASSERT_LT(rho, 0.9);
    std::vector<double> expected(n * n);
    for (size_t i = 0; i < n * n; ++i) expected[i] = (1 - rho) * s[i] + (i % (n + 1) == 0 ? rho * m : 0);
    const RiskModel model = ledoit_wolf(returns, days);
    EXPECT_NEAR(model.shrinkage, rho, 1e-12);
    expect_near(model.dense(), expected, 1e-17);
    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(model.variance[i], expected[i * n + i], 1e-17);
  }
}

// The k largest parts of S by power iteration, each taken away before the next; the variances as they were.
std::vector<double> by_power_iteration(std::vector<double> s, size_t n, size_t k) {
  std::vector<double> out(n * n), variance;
  for (size_t i = 0; i < n; ++i) variance.push_back(s[i * n + i]);
  for (size_t f = 0; f < k; ++f) {
    std::vector<double> v(n, 1.0);
    v[f] = 2;
    double value = 0;
    for (int step = 0; step < 20'000; ++step) {
      std::vector<double> next(n);
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) next[i] += s[i * n + j] * v[j];
      value = 0;
      for (const double x : next) value += x * x;
      value = std::sqrt(value);
      for (size_t i = 0; i < n; ++i) v[i] = next[i] / value;
    }
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        out[i * n + j] += value * v[i] * v[j];
        s[i * n + j] -= value * v[i] * v[j];
      }
    }
  }
  for (size_t i = 0; i < n; ++i) out[i * n + i] = std::max(variance[i], out[i * n + i] + 0.01 * variance[i]);
  return out;
}

TEST(FactorModel, IsThePrincipalComponents) {
  for (const auto& [days, n] : {std::pair<size_t, size_t>{80, 8}, {12, 20}}) {  // more days than instruments, and fewer
    const std::vector<double> returns = common_returns(days, n, 5);
    const RiskModel model = factor_model(returns, days, 2);
    EXPECT_EQ(model.loadings.size(), 2 * n);
    expect_near(model.dense(), by_power_iteration(sample_covariance(returns, days), n, 2), 1e-12);
    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(model.variance[i], model.dense()[i * n + i], 1e-18);
  }
}

TEST(FactorModel, KeepsAHundredthOfEachVariance) {
  const size_t days = 12, n = 4;
  const std::vector<double> returns = common_returns(days, n, 9), s = sample_covariance(returns, days);
  const RiskModel model = factor_model(returns, days, 100);  // more than there are: all of S, and the floor
  EXPECT_EQ(model.loadings.size(), n * n);
  for (size_t i = 0; i < n; ++i) EXPECT_NEAR(model.specific[i], 0.01 * s[i * n + i], 1e-16);
}

TEST(RiskModel, TheSameBitsForAnyNumberOfThreads) {
  const std::vector<double> returns = common_returns(70, 90, 2);
  const int before = ThreadPool::shared().size();
  std::vector<RiskModel> models;
  for (const int threads : {1, 2}) {
    ThreadPool::set_shared_size(threads);
    models.push_back(factor_model(returns, 70, 5));
    models.push_back(ledoit_wolf(returns, 70));
  }
  ThreadPool::set_shared_size(before);
  EXPECT_EQ(models[0].loadings, models[2].loadings);
  EXPECT_EQ(models[0].specific, models[2].specific);
  EXPECT_EQ(models[1].dense(), models[3].dense());
}

TEST(PastReturns, AreOfTheRowAndTheSessionsBefore) {
  Panel panel = testing::made_panel(30, 5);
  testing::pause(panel, 1, 0, 12);   // begins too late
  testing::pause(panel, 2, 20, 22);  // two sessions without a bar
  testing::pause(panel, 3, 12, 19);  // seven of ten
  for (size_t t = 0; t < 30; ++t) panel.close[panel.at(t, 4)] = 7;
  const std::vector<uint32_t> all = {0, 1, 2, 3, 4};
  const PastReturns past = past_returns(panel, 21, all, 10);
  ASSERT_EQ(past.instruments, (std::vector<uint32_t>{0, 2}));
  for (size_t k = 0; k < 10; ++k) {
    const size_t row = 12 + k;
    EXPECT_EQ(past.values[2 * k], panel.close[panel.at(row, 0)] / panel.close[panel.at(row - 1, 0)] - 1);
    if (row >= 20) {
      EXPECT_EQ(past.values[2 * k + 1], 0);
    }
  }
  const PastReturns later = past_returns(panel, 22, all, 10);
  EXPECT_EQ(later.values.back(), panel.close[panel.at(22, 2)] / panel.close[panel.at(19, 2)] - 1);
  EXPECT_EQ(past_returns(panel, 9, all, 10).size(), 0u);  // ten sessions have nine returns
  for (size_t at = panel.at(22, 0); at < panel.close.size(); ++at) panel.close[at] *= 3;
  EXPECT_EQ(past_returns(panel, 21, all, 10).values, past.values);
}

TEST(PastReturns, OfASessionItsLastCloseCounts) {
  Panel panel = testing::made_panel(60, 1);
  for (size_t t = 0; t < 60; ++t) panel.sessions[t] = panel.sessions[t / 5 * 5];
  testing::pause(panel, 0, 39, 40);  // then the one before it
  const std::vector<uint32_t> only = {0};
  const PastReturns past = past_returns(panel, 44, only, 2);
  ASSERT_EQ(past.size(), 1u);
  EXPECT_EQ(past.values[0], panel.close[38] / panel.close[34] - 1);
  EXPECT_EQ(past.values[1], panel.close[44] / panel.close[38] - 1);
}

TEST(Histories, SayWhoWasLeftOut) {
  Panel panel = testing::made_panel(40, 3);
  testing::pause(panel, 1, 0, 15);
  RiskSpec spec;
  spec.days = 10;
  Histories histories(spec);
  const std::vector<uint32_t> all = {0, 1, 2};
  for (const size_t row : {9, 10, 20, 25, 26}) histories.of(panel, row, all);
  EXPECT_EQ(histories.notes(),
            (std::vector<std::string>{
                "1 session passed without a decision: no instrument had 10 sessions of history with prices that move",
                "at 2 of 4 decisions, instruments without 10 sessions of history with prices that move were left out: "
                "S101"}));
  EXPECT_EQ(first_names({"a", "b", "c", "d", "e", "f", "g"}), "a, b, c, d, e and 2 more");
}

}  // namespace
}  // namespace hadal::market
