// Small value types: errors, bfloat16, random numbers.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/bf16.h"
#include "base/error.h"
#include "base/rng.h"

namespace hadal {
namespace {

TEST(Error, FormatsItsMessage) {
  try {
    fail("{}: expected {}, found {}", "a.toml", 1, "two");
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "a.toml: expected 1, found two");
  }
}

TEST(ErrorDeathTest, CheckAbortsWithItsCondition) {
  EXPECT_DEATH(HADAL_CHECK(1 == 2, "with {}", 3), "check failed: 1 == 2 with 3");
}

TEST(Bf16, RoundsToNearestTiesToEven) {
  const auto round = [](float x) { return static_cast<float>(Bf16(x)); };
  EXPECT_EQ(round(1.0f), 1.0f);
  EXPECT_EQ(round(1.0f + 0x1p-8f), 1.0f);                      // a tie: down to even
  EXPECT_EQ(round(1.0f + 0x1p-7f + 0x1p-8f), 1.0f + 0x1p-6f);  // a tie: up to even
  EXPECT_EQ(round(1.0f + 0x1p-8f + 0x1p-20f), 1.0f + 0x1p-7f);
  EXPECT_EQ(round(-0.0f), 0.0f);
  EXPECT_TRUE(std::signbit(round(-0.0f)));
  EXPECT_TRUE(std::isinf(round(std::numeric_limits<float>::max())));
  EXPECT_TRUE(std::isinf(round(std::numeric_limits<float>::infinity())));
  EXPECT_TRUE(std::isnan(round(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_TRUE(std::isnan(round(std::bit_cast<float>(0x7f800001u))));  // whose upper half alone would be infinity
}

TEST(Rng, SameSeedSameNumbersOtherStreamOtherNumbers) {
  Rng a(7), b(7), c(8), stream(7, 1);
  for (int i = 0; i < 100; ++i) {
    const uint64_t x = a.next();
    EXPECT_EQ(x, b.next());
    EXPECT_NE(x, c.next());
    EXPECT_NE(x, stream.next());
  }
}

TEST(Rng, StateCanBeSavedAndRestored) {
  Rng a(7);
  a.next();
  Rng b(0);
  b.state() = a.state();
  EXPECT_EQ(a.next(), b.next());
}

TEST(Rng, DistributionsHaveTheirMoments) {
  constexpr int kDraws = 200'000;
  Rng rng(11);
  double uniform = 0, normal = 0, squares = 0;
  int counts[5] = {};
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.uniform();
    ASSERT_TRUE(u >= 0 && u < 1);
    uniform += u;
    const double z = static_cast<double>(rng.normal());
    normal += z;
    squares += z * z;
    ++counts[rng.below(5)];
  }
  // Five standard errors of the mean.
  EXPECT_NEAR(uniform / kDraws, 0.5, 5 * 0.2887 / std::sqrt(kDraws));
  EXPECT_NEAR(normal / kDraws, 0.0, 5 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0, 5 * std::sqrt(2.0 / kDraws));
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 5, 5 * std::sqrt(kDraws * 0.2 * 0.8));
}

}  // namespace
}  // namespace hadal
