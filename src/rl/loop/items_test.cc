#include "rl/loop/items.h"

#include <gtest/gtest.h>

#include <set>

#include "base/json.h"
#include "rl/loop/reward.h"
#include "train/testing/test_support.h"

namespace hadal::rl {
namespace {

using test::TemporaryFolder;

RlRecipe recipe_of(std::vector<std::pair<std::string, double>> tasks) {
  RlRecipe recipe;
  recipe.tasks = std::move(tasks);
  return recipe;
}

TEST(Items, AreDrawnBySeedAndShareAndNeverHeldOut) {
  const Items items(recipe_of({{"countdown3", 1}, {"countdown4", 3}}));
  ASSERT_EQ(items.kinds().size(), 2u);
  EXPECT_EQ(items.kinds()[0].opens_after, -1);
  EXPECT_EQ(items.kinds()[1].opens_after, 0);
  int64_t four = 0;
  std::set<std::string> texts;
  for (uint64_t i = 0; i < 400; ++i) {
    const Question q = items.draw({true, true}, seed_of({5, i})), again = items.draw({true, true}, seed_of({5, i}));
    EXPECT_EQ(q.text, again.text);
    EXPECT_EQ(dump_json(*q.item), dump_json(*again.item));
    EXPECT_FALSE(tasks::is_held_out(*q.task, *q.item));
    EXPECT_EQ(q.task->kind(*q.item), items.kinds()[q.kind].name);
    four += q.kind == 1 ? 1 : 0;
    texts.insert(q.text);
    EXPECT_EQ(items.draw({true, false}, seed_of({5, i})).kind, 0u);
  }
  EXPECT_NEAR(static_cast<double>(four), 300, 40);
  EXPECT_GT(texts.size(), 390u);
}

TEST(Items, OfDevelopmentAreHeldOutAndDifferent) {
  const Items items(recipe_of({{"countdown3", 1}}));
  const auto questions = items.development(0, 100, 3), same = items.development(0, 100, 3);
  ASSERT_EQ(questions.size(), 100u);
  std::set<std::string> canonical;
  for (size_t i = 0; i < questions.size(); ++i) {
    EXPECT_TRUE(tasks::is_held_out(*questions[i].task, *questions[i].item));
    EXPECT_EQ(questions[i].text, same[i].text);
    canonical.insert(questions[i].task->canonical(*questions[i].item));
  }
  EXPECT_EQ(canonical.size(), 100u);
}

TEST(Items, ComeFromFilesToo) {
  const TemporaryFolder folder;
  std::string lines;
  for (int i = 0; i < 60; ++i)
    lines += fmt::format(
        "{{\"task\": \"countdown\", \"numbers\": [{}, {}, 7], \"target\": 11, \"question\": \"item {}\"}}\n", i + 1,
        i + 2, i);
  RlRecipe recipe = recipe_of({{"mine", 1}});
  recipe.files = {{"mine", "r.toml:3", folder.file("mine.jsonl", lines)}};
  const Items items(recipe);
  const size_t held_out = items.development(0, 1000, 1).size();
  EXPECT_GT(held_out, 0u);
  EXPECT_LT(held_out, 20u);
  for (uint64_t i = 0; i < 50; ++i) {
    const Question q = items.draw({true}, i);
    EXPECT_FALSE(tasks::is_held_out(*q.task, *q.item));
    EXPECT_EQ(q.text.substr(0, 5), "item ");
  }
  folder.file("mine.jsonl", lines + "{\"task\": \"countdown\", \"numbers\": 3}\n");
  test::expect_contains(test::error_of([&] { Items again(recipe); }), {"mine.jsonl: line 61", "numbers"});
  folder.file("mine.jsonl", lines.substr(0, lines.find('\n')));
  test::expect_contains(test::error_of([&] { Items again(recipe); }), {"r.toml:3", "mine.jsonl", "found none"});
  folder.file("mine.jsonl", "");
  test::expect_contains(test::error_of([&] { Items again(recipe); }), {"mine.jsonl", "found none"});
  folder.file("mine.jsonl", "\xEF\xBB\xBF" + lines);
  EXPECT_EQ(Items(recipe).development(0, 1000, 1).size(), held_out);
}

TEST(Items, TooLongForTheContextAreLeftOut) {
  const TemporaryFolder folder;
  std::string lines;
  for (int i = 0; i < 60; ++i)
    lines += fmt::format("{{\"question\": \"{:0>{}}\", \"answer\": \"1\"}}\n", i, i % 3 == 0 ? 100 : 10);
  RlRecipe recipe = recipe_of({{"countdown3", 1}, {"mine", 1}});
  recipe.files = {{"mine", "r.toml:3", folder.file("mine.jsonl", lines)}};
  const auto length = [](const std::string& question) { return std::ssize(question); };
  Items items(recipe);
  items.leave_out_long(99, length);
  for (uint64_t i = 0; i < 200; ++i) EXPECT_LT(items.draw({false, true}, i).text.size(), 99u);
  for (const Question& q : items.development(1, 100, 1)) EXPECT_LT(q.text.size(), 99u);
  test::expect_contains(test::error_of([&] { items.leave_out_long(9, length); }),
                        {"r.toml:3", "mine.jsonl", "40 of 40", "up to 10 tokens", "at most 9"});
}

Rollout reply(const std::string& text, int64_t think_tokens = 10, bool finished = true) {
  Rollout r;
  r.text = text, r.finished = finished, r.thinks = true, r.think_tokens = think_tokens;
  return r;
}

TEST(Reward, IsOneForARightAnswer) {
  const Question q{&tasks::find_task("countdown"),
                   std::make_shared<const OrderedJson>(
                       OrderedJson{{"task", "countdown"}, {"numbers", {19, 36, 55}}, {"target", 38}}),
                   0, "?"};
  const std::string right = "55+19-36=38</think>\n55+19-36", wrong = "</think>\n55+19+36", none = "</think>\n";
  const auto value = [&](const RewardSpec& spec, const Rollout& r) { return reward_of(spec, {}, q, r).value; };
  EXPECT_EQ(value({}, reply(right)), 1);
  EXPECT_EQ(value({}, reply(wrong)), 0);
  EXPECT_EQ(value({}, reply(right, 10, false)), 0);
  EXPECT_FALSE(reward_of({}, {}, q, reply(right, 10, false)).right);
  EXPECT_EQ(reward_of({}, {}, q, reply(right, 10, false)).why, "unfinished");

  const RewardSpec format{.format_share = 0.25};
  EXPECT_EQ(value(format, reply(right)), 1);
  EXPECT_EQ(value(format, reply(wrong)), 0.25);
  EXPECT_EQ(value(format, reply(none)), 0);

  const RewardSpec near{.nearness = 0.5};
  EXPECT_EQ(value(near, reply(right)), 1);
  EXPECT_LE(value(near, reply(wrong)), 0.5);

  const RewardSpec overlong{.overlong = 100};  // of 512 tokens
  EXPECT_EQ(value(overlong, reply(right, 412)), 1);
  EXPECT_EQ(value(overlong, reply(right, 462)), 0.5);
  EXPECT_EQ(value(overlong, reply(right, 512)), 0);
  EXPECT_EQ(value(overlong, reply(wrong, 512)), -1);
}

}  // namespace
}  // namespace hadal::rl
