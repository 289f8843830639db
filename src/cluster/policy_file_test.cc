#include <gtest/gtest.h>

#include "base/testing/scratch.h"
#include "cluster/policy.h"

namespace hadal::cluster {
namespace {

class PolicyFile : public ::testing::Test {
 protected:
  PolicyRules read(const std::string& text) {
    write_file_whole(folder_ / "policy.toml", text);
    return read_policy(folder_ / "policy.toml");
  }
  std::string mistake(const std::string& text) {
    return test::error_of([&] { read(text); });
  }
  test::ScratchFolder folder_;
};

TEST_F(PolicyFile, EmptyGivesTheDefaults) {
  const PolicyRules rules = read("");
  EXPECT_EQ(rules.free_share, .25);
  EXPECT_FALSE(rules.free_cap);
  EXPECT_EQ(rules.min_run_s, 300);
  EXPECT_EQ(rules.grace_s, 120);
  EXPECT_EQ(rules.first_tokens, 2'000'000);
  EXPECT_EQ(rules.ratio, 3);
}

TEST_F(PolicyFile, EveryKeyIsRead) {
  const PolicyRules rules = read(
      "free_share = 0.5\nfree_cap = 4\nmin_run_s = 60\ngrace_s = 30\ntick_s = 0.5\nhalf_life_days = 3\n"
      "first_tokens = 1_000\nratio = 4\nseed_spread = 0.01\ncore_hour_price = 0.04\nkwh_price = 0.3\n"
      "watts_per_core = 12\ncurrency = \"CHF\"\n");
  EXPECT_EQ(rules.free_share, .5);
  EXPECT_EQ(rules.free_cap, 4);
  EXPECT_EQ(rules.min_run_s, 60);
  EXPECT_EQ(rules.grace_s, 30);
  EXPECT_EQ(rules.tick_s, .5);
  EXPECT_EQ(rules.half_life_days, 3);
  EXPECT_EQ(rules.first_tokens, 1000);
  EXPECT_EQ(rules.ratio, 4);
  EXPECT_EQ(rules.seed_spread, .01);
  EXPECT_EQ(rules.core_hour_price, .04);
  EXPECT_EQ(rules.kwh_price, .3);
  EXPECT_EQ(rules.watts_per_core, 12);
  EXPECT_EQ(rules.currency, "CHF");
}

TEST_F(PolicyFile, MistakesNameKeyAndLineAndTheNearest) {
  const std::string unknown = mistake("ratio = 3\nfree_shore = 0.5\n");
  for (const char* part : {"free_shore", "policy.toml:2", "free_share"})
    EXPECT_NE(unknown.find(part), std::string::npos) << unknown;
  for (const char* text : {"free_share = 1.5", "free_share = -1", "free_cap = 0", "ratio = 1", "tick_s = 0",
                           "min_run_s = -1", "half_life_days = 0", "first_tokens = 0", "grace_s = \"long\""}) {
    const std::string error = mistake(text);
    EXPECT_NE(error.find("policy.toml:1"), std::string::npos) << text << ": " << error;
  }
}

}  // namespace
}  // namespace hadal::cluster
