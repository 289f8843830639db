#include "train/evaluation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/json.h"

namespace hadal {
namespace {

const std::vector<Evaluation> kTwo = {{"novels", {{"loss", 2.5}, {"accuracy", 0.25, true}}, 100},
                                      {"sums", {{"pass@1", NAN, true}}, 7}};

TEST(Evaluation, LogsAndReportsFollowTheList) {
  EXPECT_EQ(dump_json(evaluations_json(kTwo)),
            R"({"novels":{"loss":2.5,"accuracy":0.25,"tokens":100},"sums":{"pass@1":null,"tokens":7}})");
  EXPECT_EQ(evaluations_text(kTwo), "novels: loss 2.5000, accuracy 0.2500; sums: pass@1 nan");
  EXPECT_EQ(dump_json(evaluations_json({})), "{}");
}

TEST(Evaluation, FindsAMetricByItsName) {
  ASSERT_NE(kTwo[0].find("accuracy"), nullptr);
  EXPECT_EQ(kTwo[0].find("accuracy")->value, 0.25);
  EXPECT_TRUE(kTwo[0].find("accuracy")->higher_is_better);
  EXPECT_EQ(kTwo[0].find("bits_per_byte"), nullptr);
}

}  // namespace
}  // namespace hadal
