#include "tasks/item_scores.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "tasks/measures.h"

namespace hadal::tasks {
namespace {

ScoredReply reply(bool right, const char* answer, int64_t think_tokens = 10) {
  return {right, true, think_tokens, answer};
}

TEST(ItemScores, OneReplyAnItem) {
  ItemScores scores(1, 0);
  const ScoredReply right = reply(true, "7", 30), wrong = reply(false, "8"),
                    unfinished = {.right = true, .finished = false, .think_tokens = 50, .answer = "7"};
  for (const ScoredReply* one : {&right, &wrong, &unfinished}) scores.add("countdown3", {one, 1});
  scores.add("arithmetic", {&right, 1});
  const OrderedJson json = scores.to_json();
  EXPECT_EQ(json["items"], 4);
  EXPECT_EQ(json["pass@1"], 0.5);
  EXPECT_EQ(json["by_task"].begin().key(), "countdown3");
  const OrderedJson& first = json["by_task"]["countdown3"];
  EXPECT_EQ(first["items"], 3);
  EXPECT_NEAR(first["pass@1"], 1.0 / 3, 1e-12);
  EXPECT_EQ(first["interval_95"][0], wilson_interval(1, 3).low);
  EXPECT_EQ(first["interval_95"][1], wilson_interval(1, 3).high);
  EXPECT_EQ(first["pass@k"], (OrderedJson{{"1", first["pass@1"]}}));
  EXPECT_EQ(first["think_tokens"], 30);
  EXPECT_EQ(first["unfinished"], 1);
  EXPECT_FALSE(first.contains("votes"));
}

TEST(ItemScores, ManyRepliesAnItem) {
  ItemScores scores(5, 3);
  const ScoredReply once[] = {reply(false, "1"), reply(true, "2"), reply(true, "2.0"), reply(false, "1"),
                              reply(false, "1")};
  const ScoredReply never[] = {{}, {}, {}, {}, {}};
  scores.add("math", once);
  scores.add("math", never);
  const OrderedJson math = scores.to_json()["by_task"]["math"];
  EXPECT_NEAR(math["pass@1"], 0.2, 1e-12);
  EXPECT_EQ(math["pass@k"].size(), 3u);
  EXPECT_NEAR(math["pass@k"]["2"], pass_at_k(5, 2, 2) / 2, 1e-12);
  EXPECT_NEAR(math["pass@k"]["4"], pass_at_k(5, 2, 4) / 2, 1e-12);
  EXPECT_EQ(math["interval_95"][0], wilson_interval(0, 2).low);  // of two items, not of ten replies
  EXPECT_EQ(math["votes"]["of"], 3);
  EXPECT_EQ(math["votes"]["right"], 0.5);  // 2 and 2.0 against 1; nobody votes on the other
}

TEST(ItemScores, AnIntervalEndsAtNoneAndAll) {
  EXPECT_EQ(wilson_interval(0, 6).low, 0);
  EXPECT_EQ(wilson_interval(6, 6).high, 1);
  EXPECT_GT(wilson_interval(0, 6).high, 0.3);
}

}  // namespace
}  // namespace hadal::tasks
