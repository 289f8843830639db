#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"

namespace hadal {
namespace {

const std::vector<float> kLogits = {std::log(0.5f), std::log(0.25f), std::log(0.15f), std::log(0.07f), std::log(0.03f)};
const std::vector<double> kProbabilities = {0.5, 0.25, 0.15, 0.07, 0.03};

SamplingOptions plain() {
  SamplingOptions options;
  options.temperature = 1;
  options.top_p = 1;
  return options;
}

constexpr int kDraws = 20000;
std::vector<double> frequencies(const SamplingOptions& options, const std::vector<TokenId>& seen = {}) {
  Sampler sampler(options);
  std::vector<double> counts(kLogits.size());
  for (int i = 0; i < kDraws; ++i) counts[static_cast<size_t>(sampler.sample(kLogits, seen))] += 1.0 / kDraws;
  return counts;
}

// Within five standard deviations of what the probabilities ask for.
void expect_close(const std::vector<double>& found, std::vector<double> expected) {
  double sum = 0;
  for (const double p : expected) sum += p;
  for (size_t i = 0; i < found.size(); ++i) {
    const double p = expected[i] / sum;
    EXPECT_NEAR(found[i], p, 5 * std::sqrt(p * (1 - p) / kDraws) + 1e-9) << "token " << i;
  }
}

TEST(Sampler, FollowsTheProbabilities) { expect_close(frequencies(plain()), kProbabilities); }

TEST(Sampler, TemperatureSharpensAndFlattens) {
  for (const float temperature : {0.5f, 2.0f}) {
    SamplingOptions options = plain();
    options.temperature = temperature;
    std::vector<double> expected;
    for (const double p : kProbabilities) expected.push_back(std::pow(p, 1 / static_cast<double>(temperature)));
    expect_close(frequencies(options), expected);
  }
}

TEST(Sampler, GreedyTakesTheBestAndTheFirstOfEquals) {
  SamplingOptions options;
  options.temperature = 0;
  Sampler sampler(options);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 3, 2}, {}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 3, 3}, {}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{-std::numeric_limits<float>::infinity(), -5}, {}), 1);
}

TEST(Sampler, TopKKeepsTheBest) {
  SamplingOptions options = plain();
  options.top_k = 2;
  expect_close(frequencies(options), {0.5, 0.25, 0, 0, 0});
  options.top_k = 100;
  expect_close(frequencies(options), kProbabilities);
}

TEST(Sampler, TopPKeepsTheSmallestSetWithThatMass) {
  SamplingOptions options = plain();
  options.top_p = 0.8f;  // 0.5 + 0.25 is less, with 0.15 it is more
  expect_close(frequencies(options), {0.5, 0.25, 0.15, 0, 0});
  options.top_p = 0.4f;
  expect_close(frequencies(options), {1, 0, 0, 0, 0});
}

TEST(Sampler, MinPDropsTheUnlikely) {
  SamplingOptions options = plain();
  options.min_p = 0.2f;  // below 0.1
  expect_close(frequencies(options), {0.5, 0.25, 0.15, 0, 0});
}

TEST(Sampler, FiltersWorkTogether) {
  SamplingOptions options = plain();
  options.top_k = 4;
  options.top_p = 0.9f;  // of the four's 0.97
  options.min_p = 0.05f;
  expect_close(frequencies(options), {0.5, 0.25, 0.15, 0, 0});
}

TEST(Sampler, RepetitionPenaltyPushesDownWhatWasSeen) {
  SamplingOptions options;
  options.temperature = 0;
  options.repetition_penalty = 2;
  Sampler sampler(options);
  const std::vector<float> logits = {4, 3, -1};
  EXPECT_EQ(sampler.sample(logits, std::vector<TokenId>{0}), 1);
  EXPECT_EQ(sampler.sample(logits, std::vector<TokenId>{0, 0, 0}), 1);  // once, however often it was seen
  EXPECT_EQ(sampler.sample(logits, std::vector<TokenId>{0, 1}), 0);     // 2 against 1.5
  EXPECT_EQ(sampler.sample(std::vector<float>{-1, -1.5f}, std::vector<TokenId>{0}), 1);  // negative logits are multiplied
}

TEST(Sampler, TheSameSeedGivesTheSameTokens) {
  SamplingOptions options = plain();
  options.seed = 42;
  Sampler a(options), b(options);
  options.seed = 43;
  Sampler c(options);
  int different = 0;
  for (int i = 0; i < 200; ++i) {
    const TokenId token = a.sample(kLogits, {});
    EXPECT_EQ(token, b.sample(kLogits, {}));
    different += token != c.sample(kLogits, {});
  }
  EXPECT_GT(different, 50);
}

TEST(Sampler, RefusesWhatIsNoNumber) {
  Sampler sampler(plain());
  EXPECT_THROW(sampler.sample(std::vector<float>{1, std::nanf(""), 2}, {}), Error);
  EXPECT_THROW(sampler.sample(std::vector<float>{1, std::numeric_limits<float>::infinity()}, {}), Error);
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  const auto refused = [](const char* field, auto change) {
    SamplingOptions options;
    change(options);
    try {
      check(options);
      ADD_FAILURE() << field;
    } catch (const Error& e) {
      EXPECT_EQ(std::string_view(e.what()).find(field), 0u) << e.what();
    }
  };
  refused("temperature", [](auto& o) { o.temperature = -1; });
  refused("temperature", [](auto& o) { o.temperature = std::nanf(""); });
  refused("top_p", [](auto& o) { o.top_p = 0; });
  refused("top_p", [](auto& o) { o.top_p = 1.1f; });
  refused("top_k", [](auto& o) { o.top_k = -1; });
  refused("min_p", [](auto& o) { o.min_p = 1; });
  refused("repetition_penalty", [](auto& o) { o.repetition_penalty = 0; });
  check(SamplingOptions{});
}

}  // namespace
}  // namespace hadal
