#include "base/progress.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

TEST(Progress, WritesDurationsAsPeopleSayThem) {
  EXPECT_EQ(duration_text(0), "0 s");
  EXPECT_EQ(duration_text(59.4), "59 s");
  EXPECT_EQ(duration_text(185), "3 min 05 s");
  EXPECT_EQ(duration_text(7800), "2 h 10 min");
}

}  // namespace
}  // namespace hadal
