#include "market/forecast/process.h"

#include <gtest/gtest.h>

#include "market/forecast/gram.h"
#include "market/forecast/solve.h"
#include "market/stats.h"
#include "market/testing/made_source.h"

namespace hadal::market::forecast {
namespace {

std::vector<double> done(const std::string& name, std::vector<double> values) {
  const auto steps = steps_of({name});
  apply(steps[0], 0, values);
  return values;
}

TEST(Process, ClampsToTheMedianAbsoluteDeviation) {
  // Median 3, deviations 2 1 0 1 97: their median 1.
  const auto v = done("cs_winsorize", {1, 2, kMissing, 3, 4, 100});
  EXPECT_EQ(v[0], 1);
  EXPECT_TRUE(std::isnan(v[2]));
  EXPECT_DOUBLE_EQ(v[5], 3 + 3 * 1.4826);
  EXPECT_EQ(done("cs_winsorize", {1, 1, 1, 9}), (std::vector<double>{1, 1, 1, 9}));  // nothing says what is far
  const auto even = done("cs_winsorize", {0, 1, 2, 3, -50, 50});                     // median 1.5, deviations' 1.5
  EXPECT_DOUBLE_EQ(even[4], 1.5 - 3 * 1.4826 * 1.5);
  EXPECT_DOUBLE_EQ(even[5], 1.5 + 3 * 1.4826 * 1.5);
}

TEST(Process, StandardisesRanksAndFills) {
  const auto v = done("cs_zscore", {1, kMissing, 3});
  EXPECT_DOUBLE_EQ(v[0], -std::sqrt(0.5));
  EXPECT_TRUE(std::isnan(v[1]));
  EXPECT_EQ(done("cs_zscore", {.1, .1, .1}), (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(done("cs_zscore", {7}), (std::vector<double>{0}));
  EXPECT_EQ(done("cs_rank", {5, 5, 1, 9}), (std::vector<double>{0, 0, -0.375, 0.375}));
  EXPECT_EQ(done("fill_zero", {kMissing, 2}), (std::vector<double>{0, 2}));
}

TEST(Ranks, AverageTiesAndCorrelate) {
  EXPECT_EQ(average_ranks(std::vector<double>{3, 1, 3, 2}), (std::vector<double>{3.5, 1, 3.5, 2}));
  EXPECT_DOUBLE_EQ(spearman(std::vector<double>{1, 2, 3, 4}, std::vector<double>{1, 4, 9, 100}), 1);
  EXPECT_TRUE(std::isnan(pearson(std::vector<double>{.1, .1, .1}, std::vector<double>{1, 2, 3})));
  EXPECT_TRUE(std::isnan(pearson(std::vector<double>{1}, std::vector<double>{1})));
}

TEST(Ranks, ErrorOfNeweyAndWest) {
  // Autocovariances 1.25 and .3125; with one lag 1.25 + 2 * .5 * .3125 = 1.5625, over 4.
  EXPECT_DOUBLE_EQ(newey_west_error(std::vector<double>{1, 2, 3, 4}, 1), 0.625);
  EXPECT_DOUBLE_EQ(newey_west_error(std::vector<double>{1, 2, 3, 4}, 0), std::sqrt(1.25 / 4));
  EXPECT_TRUE(std::isnan(newey_west_error(std::vector<double>{1}, 1)));
}

TEST(Gram, SumsProductsOfAnyWidthAndCount) {
  for (const size_t width : {1, 7, 8, 19}) {
    Gram gram(width);
    const size_t count = 150;
    std::vector<double> samples(count * gram.stride(), 0);
    Rng rng(width);
    for (size_t s = 0; s < count; ++s)
      for (size_t i = 0; i < width; ++i) samples[s * gram.stride() + i] = rng.normal();
    gram.add(samples.data(), count);
    for (size_t i = 0; i < width; ++i) {
      for (size_t j = 0; j < width; ++j) {
        double sum = 0;
        for (size_t s = 0; s < count; ++s) sum += samples[s * gram.stride() + i] * samples[s * gram.stride() + j];
        EXPECT_NEAR(gram.at(i, j), sum, 1e-10) << i << " " << j;
      }
    }
  }
}

TEST(Solve, MeetsTheEquationsAndRefusesWhatIsSingular) {
  // (a + I) x = b
  const auto x = solve_ridge({2, 1, 1, 3}, {1, 0, 2, 1}, 2, 2, 1, "s");
  EXPECT_NEAR(3 * x[0] + x[2], 1, 1e-14);
  EXPECT_NEAR(x[0] + 4 * x[2], 2, 1e-14);
  EXPECT_NEAR(3 * x[1] + x[3], 0, 1e-14);
  EXPECT_THROW(solve_ridge({1, 1, 1, 1}, {1, 1}, 2, 1, 0, "s"), Error);
  EXPECT_NO_THROW(solve_ridge({1, 1, 1, 1}, {1, 1}, 2, 1, 1e-3, "s"));
}

}  // namespace
}  // namespace hadal::market::forecast
