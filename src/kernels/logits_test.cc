#include "kernels/logits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kernels/cpu.h"

namespace hadal {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kSizes[] = {1, 7, 15, 16, 33, 64, 1000, 4099};

std::vector<float> random(Rng& rng, size_t n) {
  std::vector<float> x(n);
  for (float& v : x) v = 3 * rng.normal();
  return x;
}

class LogitPasses : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override { force_cpu_level(GetParam()); }
  void TearDown() override { force_cpu_level(cpu_levels_present().back()); }
  Rng rng_{3};
};

TEST_P(LogitPasses, RangeAndPlaceOfTheBest) {
  for (const size_t n : kSizes) {
    auto x = random(rng_, n);
    x[n / 2] = 100, x[n - 1] = n > 1 ? 100 : x[n - 1];
    const auto size = static_cast<int64_t>(n);
    const auto range = logit_kernels().range(x.data(), size);
    EXPECT_EQ(range.max, 100);
    EXPECT_EQ(range.min, *std::min_element(x.begin(), x.end()));
    EXPECT_FALSE(range.has_nan);
    EXPECT_EQ(logit_kernels().find(x.data(), size, 100), static_cast<int64_t>(n / 2));
    EXPECT_EQ(logit_kernels().find(x.data(), size, 101), size);
    for (const size_t at : {size_t{0}, n / 3, n - 1}) {
      auto y = x;
      y[at] = std::nanf("");
      EXPECT_TRUE(logit_kernels().range(y.data(), size).has_nan) << at << " of " << n;
    }
  }
}

// Every logit is in one bucket, in all passes, and its weight is what the definition says.
TEST_P(LogitPasses, BucketsHoldWhatTheDefinitionSays) {
  for (const size_t n : kSizes) {
    auto x = random(rng_, n);
    if (n > 10) x[4] = -kInfinity, x[9] = x[2];
    LogitFall fall{.best = *std::max_element(x.begin(), x.end()),
                   .inverse = 1 / 0.7,
                   .reach = 8,
                   .width = 0.01,
                   .buckets = 500};  // the last takes a lot
    std::vector<double> sums(500), counts(500), expected(500), number(500);
    const auto size = static_cast<int64_t>(n);
    std::vector<std::vector<int32_t>> members(500);
    for (size_t i = 0; i < n; ++i) {
      const double fallen = (x[i] - fall.best) * fall.inverse;
      if (fallen < -fall.reach) continue;
      const auto bucket = static_cast<size_t>(std::min(fallen * (-1 / fall.width), 499.0));
      members[bucket].push_back(static_cast<int32_t>(i));
      expected[bucket] += std::exp(fallen + static_cast<double>(bucket) * fall.width);
      ++number[bucket];
    }
    logit_kernels().weigh(x.data(), size, fall, sums.data());
    logit_kernels().count(x.data(), size, fall, counts.data());
    for (size_t b = 0; b < 499; ++b)
      EXPECT_NEAR(sums[b], expected[b], 1e-12 * expected[b])
          << b << " of " << n;  // the last one is wider than a weight may be
    EXPECT_EQ(counts, number);
    std::vector<int32_t> found(n + kLogitSlack);
    for (int32_t b = 0; b < 500; b += 7) {
      const auto& wanted = members[static_cast<size_t>(b)];
      ASSERT_EQ(logit_kernels().gather(x.data(), size, fall, b, b + 1, size, found.data()),
                static_cast<int64_t>(wanted.size()));
      EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), found.begin())) << b << " of " << n;
    }
    size_t all = 0;
    for (const auto& each : members) all += each.size();
    EXPECT_EQ(logit_kernels().gather(x.data(), size, fall, 0, 500, size, found.data()), static_cast<int64_t>(all));
    for (const int64_t room : {int64_t{0}, static_cast<int64_t>(all) / 2, static_cast<int64_t>(all) - 1})
      EXPECT_EQ(logit_kernels().gather(x.data(), size, fall, 0, 500, room, found.data()), room + 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, LogitPasses, testing::ValuesIn(cpu_levels_present()),
                         [](const auto& level) { return std::string(cpu_level_name(level.param)); });

}  // namespace
}  // namespace hadal
