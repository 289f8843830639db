#include "rl/grpo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/rng.h"

namespace hadal::rl {
namespace {

// Random log-probabilities of one roll-out: some ratios beyond the clip on either side, some tokens masked.
struct Tokens {
  std::vector<double> now, old, ref;
  std::vector<uint8_t> mask;
  PolicySample<double> sample(double advantage) const { return {now, old, ref, mask, advantage}; }
};
Tokens random_tokens(Rng& rng, size_t length, double distance = 0.3) {
  Tokens tokens;
  for (size_t t = 0; t < length; ++t) {
    tokens.now.push_back(-std::abs(rng.normal()) - 0.1);
    tokens.old.push_back(tokens.now.back() + distance * rng.normal());
    tokens.ref.push_back(tokens.now.back() + 0.5 * rng.normal());
    tokens.mask.push_back(rng.below(4) != 0 ? 1 : 0);
  }
  return tokens;
}

constexpr std::array kLosses = {LossKind::dapo, LossKind::grpo, LossKind::dr_grpo, LossKind::gspo};

void expect_gradient(const LossSpec& spec, Tokens tokens, double advantage) {
  std::vector<double> gradient(tokens.now.size()), unused(tokens.now.size());
  policy_loss<double>(spec, tokens.sample(advantage), gradient);
  for (size_t t = 0; t < tokens.now.size(); ++t) {
    const double step = 1e-6, at = tokens.now[t];
    const auto loss_at = [&](double now) {
      tokens.now[t] = now;
      return policy_loss<double>(spec, tokens.sample(advantage), unused).sum;
    };
    const double slope = (loss_at(at + step) - loss_at(at - step)) / (2 * step);
    tokens.now[t] = at;
    EXPECT_NEAR(gradient[t], slope, 1e-7 * std::max(1.0, std::abs(slope))) << "token " << t;
  }
}

TEST(Grpo, GradientsAreThoseOfTheLoss) {
  Rng rng(7);
  for (const LossKind loss : kLosses)
    for (const KlKind kl : {KlKind::k3, KlKind::k3_ratio})
      for (const double kl_weight : {0.0, 0.05})
        for (const double advantage : {-0.75, 0.25}) {
          LossSpec spec{.loss = loss, .kl = kl, .kl_weight = kl_weight, .max_length = 32};
          expect_gradient(spec, random_tokens(rng, 23), advantage);
        }
}

TEST(Grpo, SignedWeightsAreTheGradientAtRatioOne) {
  Rng rng(8);
  for (const LossKind loss : kLosses)
    for (const double advantage : {-0.75, 0.0, 0.25}) {
      const LossSpec spec{.loss = loss, .max_length = 32};
      Tokens tokens = random_tokens(rng, 23, 0);
      std::vector<double> gradient(23);
      std::vector<float> weights(23);
      const LossTerms terms = policy_loss<double>(spec, tokens.sample(advantage), gradient);
      EXPECT_EQ(terms.weight, loss_weight(spec, tokens.mask));
      EXPECT_EQ(terms.clipped, 0);
      EXPECT_EQ(terms.mean_ratio(), 1);
      on_policy_weights(spec, advantage, tokens.mask, weights);
      for (size_t t = 0; t < gradient.size(); ++t) EXPECT_EQ(weights[t], -static_cast<float>(gradient[t]));
    }
}

TEST(Grpo, MaskedTokensCountNowhere) {
  Rng rng(9);
  for (const LossKind loss : kLosses) {
    const LossSpec spec{.loss = loss, .kl_weight = 0.1, .off_policy_limit = 0.5, .max_length = 32};
    Tokens tokens = random_tokens(rng, 23), other = tokens;
    for (size_t t = 0; t < 23; ++t)
      if (tokens.mask[t] == 0) other.now[t] = -30, other.old[t] = -1, other.ref[t] = -7;
    std::vector<double> gradient(23), others(23);
    const LossTerms terms = policy_loss<double>(spec, tokens.sample(-1), gradient);
    EXPECT_EQ(terms.sum, policy_loss<double>(spec, other.sample(-1), others).sum);
    EXPECT_EQ(gradient, others);
    EXPECT_EQ(terms.tokens, std::ranges::count(tokens.mask, 1));
  }
}

TEST(Grpo, ARollOutWithoutTokensStaysARollOut) {
  const std::vector<double> one = {-1};
  const std::vector<uint8_t> none = {0};
  std::vector<double> gradient(1);
  for (const LossKind loss : kLosses) {
    const LossSpec spec{.loss = loss, .off_policy_limit = 0.1, .max_length = 32};
    const LossTerms terms = policy_loss<double>(spec, {one, one, {}, none, -1}, gradient);
    EXPECT_EQ(terms.sum, 0);
    EXPECT_EQ(terms.sequences, 1);
    EXPECT_EQ(terms.weight, loss == LossKind::dapo ? 0 : loss == LossKind::dr_grpo ? 32 : 1);
  }
}

TEST(Grpo, OffPolicyLimitLeavesOutOnlyWhatIsPunished) {
  const std::vector<double> now = {-2, -3}, old = {-1, -1};
  std::vector<double> gradient(2);
  const LossSpec spec{.loss = LossKind::dapo, .off_policy_limit = 1.4};
  const LossTerms punished = policy_loss<double>(spec, {now, old, {}, {}, -1}, gradient);
  EXPECT_EQ(punished.sequences_masked, 1);
  EXPECT_EQ(punished.tokens, 0);
  EXPECT_EQ(gradient, (std::vector<double>{0, 0}));
  EXPECT_EQ(policy_loss<double>(spec, {now, old, {}, {}, 1}, gradient).sequences_masked, 0);
  EXPECT_EQ(policy_loss<double>({.off_policy_limit = 1.6}, {now, old, {}, {}, -1}, gradient).sequences_masked, 0);
}

// The mean over the sampler's tokens of the ratio-weighted estimate's gradient is the gradient of the true KL.
TEST(Grpo, TheWeightedEstimateIsUnbiased) {
  const std::array<double, 3> logits = {0.3, -1.0, 0.8}, old = {0.2, 0.5, 0.3}, ref = {0.6, 0.3, 0.1};
  const auto probabilities = [](const std::array<double, 3>& x) {
    std::array<double, 3> p;
    const double sum = std::exp(x[0]) + std::exp(x[1]) + std::exp(x[2]);
    for (size_t i = 0; i < 3; ++i) p[i] = std::exp(x[i]) / sum;
    return p;
  };
  const auto kl = [&](const std::array<double, 3>& x) {
    const auto p = probabilities(x);
    double sum = 0;
    for (size_t i = 0; i < 3; ++i) sum += p[i] * std::log(p[i] / ref[i]);
    return sum;
  };
  const auto p = probabilities(logits);
  for (size_t by = 0; by < 3; ++by) {
    double mean = 0, value = 0;
    for (size_t i = 0; i < 3; ++i) {
      const KlTerm term = kl_term(KlKind::k3_ratio, std::log(p[i]), std::log(old[i]), std::log(ref[i]));
      mean += old[i] * term.gradient * ((i == by ? 1 : 0) - p[by]);  // d log p_i / d logit
      value += old[i] * term.value;
    }
    auto above = logits, below = logits;
    above[by] += 1e-6, below[by] -= 1e-6;
    EXPECT_NEAR(mean, (kl(above) - kl(below)) / 2e-6, 1e-8);
    EXPECT_NEAR(value, kl(logits), 1e-12);
  }
}

TEST(Grpo, EqualRewardsTeachNothing) {
  for (const auto kind : {AdvantageKind::mean, AdvantageKind::mean_std, AdvantageKind::leave_one_out}) {
    const std::vector<double> flat(7, 0.1);
    EXPECT_EQ(advantages({.advantage = kind}, flat), std::vector<double>(7, 0.0));
    EXPECT_EQ(advantages({.advantage = kind}, std::vector<double>{1}), std::vector<double>{0});
  }
  EXPECT_FALSE(has_spread(std::vector<double>{}));
}

TEST(Grpo, TheWidestSpreadIsThatOfAllSubsets) {
  const auto variance = [](const std::vector<double>& rewards, const std::vector<size_t>& places) {
    double mean = 0, sum = 0;
    for (const size_t i : places) mean += rewards[i] / static_cast<double>(places.size());
    for (const size_t i : places) sum += (rewards[i] - mean) * (rewards[i] - mean);
    return sum;
  };
  Rng rng(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> rewards(9);
    for (double& reward : rewards) reward = round % 2 == 0 ? static_cast<double>(rng.below(2)) : rng.uniform();
    for (size_t count = 1; count <= 9; ++count) {
      const std::vector<size_t> chosen = widest_spread(rewards, count);
      ASSERT_EQ(chosen.size(), count);
      EXPECT_TRUE(std::ranges::is_sorted(chosen) && std::ranges::adjacent_find(chosen) == chosen.end());
      double best = 0;
      for (size_t set = 0; set < 512; ++set) {
        std::vector<size_t> places;
        for (size_t i = 0; i < 9; ++i)
          if ((set >> i & 1) != 0) places.push_back(i);
        if (places.size() == count) best = std::max(best, variance(rewards, places));
      }
      EXPECT_NEAR(variance(rewards, chosen), best, 1e-12);
    }
  }
  EXPECT_EQ(widest_spread(std::vector<double>{0, 1, 0, 1, 0, 1}, 4), (std::vector<size_t>{0, 1, 2, 3}));
  EXPECT_EQ(widest_spread(std::vector<double>{2, 2, 2}, 2), (std::vector<size_t>{0, 1}));
  EXPECT_EQ(widest_spread(std::vector<double>{0, 1}, 5), (std::vector<size_t>{0, 1}));
}

TEST(Grpo, EntropyIsThatOfTheDistribution) {
  EXPECT_NEAR(entropy(std::vector<float>{3, 3, 3, 3}, 0.7), std::log(4.0), 1e-12);
  EXPECT_NEAR(entropy(std::vector<float>{1000, 0, -std::numeric_limits<float>::infinity()}), 0, 1e-12);
}

TEST(Grpo, AnUnknownNameIsAnErrorThatListsThem) {
  try {
    loss_kind("ppo", "r.toml:3: loss");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "r.toml:3: loss: expected one of dapo, grpo, dr_grpo, gspo, found \"ppo\"");
  }
}

}  // namespace
}  // namespace hadal::rl
