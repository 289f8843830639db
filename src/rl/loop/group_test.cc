#include "rl/loop/group.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "rl/loop/rollout_files.h"
#include "train/testing/test_support.h"

namespace hadal::rl {
namespace {

// Replies of 1, 2, 3, ... tokens.
Group group_of(const std::vector<double>& rewards, TokenId prompt_token = 7) {
  Group group;
  group.question.item = std::make_shared<const OrderedJson>(OrderedJson{{"task", "countdown"}});
  group.question.text = "a question";
  group.prompt = {prompt_token, prompt_token};
  for (const double reward : rewards) {
    Rollout r;
    r.ids.assign(group.rollouts.size() + 1, static_cast<TokenId>(group.rollouts.size()));
    r.log_probs.assign(r.ids.size(), -0.1f);
    r.mask.assign(r.ids.size(), 1);
    r.text = fmt::format("reply {}", group.rollouts.size());
    group.rollouts.push_back(r);
    group.rewards.push_back({reward, reward == 1, "", "a reason"});
  }
  return group;
}

TEST(Minibatches, TakeTheWidestSpreadAndCountWhatIsNotComputed) {
  RlRecipe recipe;
  recipe.train_samples = 3;
  recipe.loss.loss = LossKind::dapo;
  const std::vector<Minibatch> one = minibatches_of({group_of({0, 0, 0, 1, 1}), group_of({0, 0.5, 1})}, recipe);
  ASSERT_EQ(one.size(), 1u);
  // Of the first group 0, 3, 4 or 0, 1, 3, of the second 0 and 2: the middle one has no advantage.
  ASSERT_EQ(one[0].samples.size(), 5u);
  double tokens = 2, sum = 0;  // the middle one's
  for (const Sample& s : one[0].samples) {
    EXPECT_NE(s.advantage, 0);
    tokens += static_cast<double>(s.ids.size());
    sum += s.advantage;
  }
  EXPECT_EQ(one[0].weight, tokens);
  EXPECT_NEAR(sum, 0, 1e-12);

  recipe.loss.kl_weight = 0.1;  // moves the middle one, too
  EXPECT_EQ(minibatches_of({group_of({0, 0.5, 1})}, recipe)[0].samples.size(), 3u);
  recipe.updates_per_rollout = 4;
  const auto several = minibatches_of({group_of({0, 1}), group_of({1, 0}), group_of({0, 1})}, recipe);
  EXPECT_EQ(several.size(), 3u);
  EXPECT_TRUE(minibatches_of({}, recipe).empty());
}

TEST(Rewards, AreShuffledAcrossGroups) {
  std::vector<Group> groups;
  for (int g = 0; g < 20; ++g)
    groups.push_back(group_of(g < 10 ? std::vector<double>{1, 1, 1, 1} : std::vector<double>{0, 0, 0, 0}));
  Rng rng(3);
  shuffle_rewards(groups, rng);
  double sum = 0;
  int64_t mixed = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    mixed += has_spread(groups[g].values()) ? 1 : 0;
    for (const Reward& reward : groups[g].rewards) {
      sum += reward.value;
      EXPECT_EQ(reward.right, g < 10);
    }
  }
  EXPECT_EQ(sum, 40);
  EXPECT_GT(mixed, 10);
}

TEST(Minibatches, AreTheSameFromJson) {
  RlRecipe recipe;
  Group group = group_of({0, 1});
  group.rollouts[1].log_probs = {-0.123456789f, -1e-9f};
  const Minibatch before = minibatches_of({group}, recipe)[0];
  const Minibatch after = minibatch_from(parse_json(dump_json(to_json(before)), "state"));
  ASSERT_EQ(after.samples.size(), before.samples.size());
  EXPECT_EQ(after.weight, before.weight);
  for (size_t i = 0; i < before.samples.size(); ++i) {
    EXPECT_EQ(after.samples[i].ids, before.samples[i].ids);
    EXPECT_EQ(after.samples[i].prompt, before.samples[i].prompt);
    EXPECT_EQ(after.samples[i].log_probs, before.samples[i].log_probs);
    EXPECT_EQ(after.samples[i].mask, before.samples[i].mask);
    EXPECT_EQ(after.samples[i].advantage, before.samples[i].advantage);
  }
}

TEST(Pack, PutsTheLongestFirstAndKeepsToTheLimit) {
  RlRecipe recipe;
  const Minibatch minibatch = minibatches_of({group_of({0, 1, 0, 1, 0, 1})}, recipe)[0];  // 2 to 7 tokens to feed
  const std::vector<PolicyBatch> batches = pack(minibatch, 9);
  ASSERT_EQ(batches.size(), 4u);
  size_t samples = 0;
  for (const PolicyBatch& b : batches) {
    EXPECT_LE(b.batch.ids.size(), 9u);
    EXPECT_EQ(b.targets.size(), b.batch.ids.size());
    samples += b.samples.size();
    std::vector<float> rows(b.targets.size());
    for (size_t s = 0; s < b.samples.size(); ++s) std::ranges::fill(b.rows_of(rows, s), 1.0f);
    for (size_t t = 0; t < rows.size(); ++t) EXPECT_EQ(rows[t] == 1, b.targets[t] >= 0);
  }
  EXPECT_EQ(samples, 6u);
  EXPECT_EQ(batches[0].batch.ids, (std::vector<int32_t>{7, 7, 5, 5, 5, 5, 5}));
  EXPECT_EQ(batches[0].targets, (std::vector<int32_t>{-1, 5, 5, 5, 5, 5, 5}));
}

TEST(RolloutFiles, FloatsReadBackAsTheyWere) {
  const test::TemporaryFolder folder;
  Group group = group_of({0, 1});
  group.rollouts[1].log_probs = {-0.1f, -16777216.5f / 3};
  write_rollouts(folder.path(), 3, {group});
  int64_t count = 0;
  for_each_line(folder.path() / "rollouts-3.jsonl", [&](std::string_view text, int64_t) {
    const Json line = parse_json(text, "line");
    for (size_t t = 0; t < line["ids"].size(); ++t)
      EXPECT_EQ(line["log_probs"][t].get<float>(), group.rollouts[static_cast<size_t>(count)].log_probs[t]);
    EXPECT_EQ(line["text"], group.rollouts[static_cast<size_t>(count)].text);
    EXPECT_EQ(line["reward"], count == 1 ? 1 : 0);
    return ++count, true;
  });
  EXPECT_EQ(count, 2);
}

TEST(RolloutFiles, SamplesOfAResumedRunAreWrittenAgain) {
  const test::TemporaryFolder folder;
  const auto page = [&] { return read_file(folder.path() / "samples.md"); };
  add_to_samples(folder.path(), 0, {group_of({0, 0}), group_of({0, 1})});
  add_to_samples(folder.path(), 20, {group_of({1, 0})});
  const std::string before = page();
  test::expect_contains(before, {"## Step 0", "## Step 20", "1 of 2", "reply 0", "reply 1", "a reason", "a question"});
  add_to_samples(folder.path(), 40, {group_of({1, 0})});
  add_to_samples(folder.path(), 20, {group_of({1, 0})});
  EXPECT_EQ(page(), before);
  add_to_samples(folder.path(), 60, {group_of({1, 1})});  // nothing to compare
  EXPECT_EQ(page(), before);
}

}  // namespace
}  // namespace hadal::rl
