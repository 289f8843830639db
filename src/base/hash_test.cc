// Published check values of the hashes, and half precision over all its values.
#include "base/hash.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "base/half.h"

namespace hadal {
namespace {

TEST(Hash, Fnv1a) {  // isthe.com/chongo/tech/comp/fnv
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325ull);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cull);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8ull);
  EXPECT_EQ(fnv1a("bar", fnv1a("foo")), fnv1a("foobar"));
}

TEST(Hash, Crc32c) {  // RFC 3720, B.4
  const std::string zeros(32, '\0'), ones(32, '\xff');
  EXPECT_EQ(crc32c(zeros.data(), zeros.size()), 0x8a9136aau);
  EXPECT_EQ(crc32c(ones.data(), ones.size()), 0x62a8ab43u);
  EXPECT_EQ(crc32c("123456789", 9), 0xe3069283u);
  EXPECT_EQ(crc32c("", 0), 0u);
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i * 37);
  for (size_t cut = 0; cut <= text.size(); ++cut)  // in two calls, from any alignment
    EXPECT_EQ(crc32c(text.data() + cut, text.size() - cut, crc32c(text.data(), cut)), crc32c(text.data(), text.size()));
}

TEST(Hash, UnitHashesAreSpread) {
  int below = 0;
  std::set<double> all;
  for (int i = 0; i < 1000; ++i) {
    const double x = unit_hash("document " + std::to_string(i));
    EXPECT_TRUE(x >= 0 && x < 1);
    below += x < 0.25;
    all.insert(x);
  }
  EXPECT_EQ(all.size(), 1000u);
  EXPECT_NEAR(below, 250, 50);
}

TEST(Half, EveryValueComesBack) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float x = half_to_float(static_cast<uint16_t>(bits));
    if (std::isnan(x))
      EXPECT_TRUE((bits & 0x7c00) == 0x7c00 && (bits & 0x3ff) != 0) << bits;
    else
      ASSERT_EQ(float_to_half(x), bits);
  }
  EXPECT_EQ(half_to_float(0x3c00), 1.0f);
  EXPECT_EQ(half_to_float(0x0001), 0x1p-24f);
  EXPECT_EQ(half_to_float(0x7bff), 65504.0f);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);  // halfway to the next: infinity
  EXPECT_EQ(float_to_half(-1e-10f), 0x8000);
}

}  // namespace
}  // namespace hadal
