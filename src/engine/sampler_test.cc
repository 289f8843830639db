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
std::vector<double> frequencies(const SamplingOptions& options) {
  Sampler sampler(options);
  std::vector<double> counts(kLogits.size());
  for (int i = 0; i < kDraws; ++i) counts[static_cast<size_t>(sampler.sample(kLogits))] += 1.0 / kDraws;
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
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 3, 2}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 3, 3}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{-std::numeric_limits<float>::infinity(), -5}), 1);
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

// What greedy decoding says to `logits` after `prompt` and `answer`.
TokenId greedy(SamplingOptions options, const std::vector<float>& logits, const std::vector<TokenId>& prompt,
               const std::vector<TokenId>& answer = {}) {
  options.temperature = 0;
  Sampler sampler(options, prompt);
  for (const TokenId token : answer) sampler.accept(token);
  return sampler.sample(logits);
}

TEST(Sampler, RepetitionPenaltyPushesDownWhatWasSeen) {
  const SamplingOptions options{.repetition_penalty = 2};
  const std::vector<float> logits = {4, 3, -1};
  EXPECT_EQ(greedy(options, logits, {0}), 1);
  EXPECT_EQ(greedy(options, logits, {}, {0}), 1);
  EXPECT_EQ(greedy(options, logits, {0, 0}, {0}), 1);  // once, however often it was seen
  EXPECT_EQ(greedy(options, logits, {0, 1}), 0);       // 2 against 1.5
  EXPECT_EQ(greedy(options, {-1, -1.5f}, {0}), 1);     // negative logits are multiplied
}

TEST(Sampler, RepetitionPenaltyLooksAtTheLastTokensOfItsWindow) {
  const std::vector<float> logits = {4, 3, -1};
  for (const auto& [window, expected] :
       std::vector<std::pair<int, TokenId>>{{-1, 1}, {0, 0}, {1, 0}, {2, 0}, {3, 1}, {100, 1}}) {
    const SamplingOptions options{.repetition_penalty = 2, .repetition_window = window};
    EXPECT_EQ(greedy(options, logits, {0, 2, 2}), expected) << window;
    EXPECT_EQ(greedy(options, logits, {2, 0, 2}, {2}), expected) << window;
    EXPECT_EQ(greedy(options, logits, {}, {0, 2, 2}), expected) << window;
  }
}

TEST(Sampler, FrequencyAndPresencePenaltiesCountTheAnswer) {
  const std::vector<float> logits = {4, 3, -1};
  EXPECT_EQ(greedy({.frequency_penalty = 0.6f}, logits, {}, {0}), 0);     // 3.4
  EXPECT_EQ(greedy({.frequency_penalty = 0.6f}, logits, {}, {0, 0}), 1);  // 2.8
  EXPECT_EQ(greedy({.frequency_penalty = 0.6f}, logits, {0, 0, 0}), 0);   // a prompt does not count
  EXPECT_EQ(greedy({.presence_penalty = 0.9f}, logits, {}, {0, 0, 0}), 0);
  EXPECT_EQ(greedy({.presence_penalty = 1.1f}, logits, {}, {0}), 1);
  EXPECT_EQ(greedy({.presence_penalty = 1.1f}, logits, {0}), 0);
  EXPECT_EQ(greedy({.frequency_penalty = -1.2f}, logits, {}, {1}), 1);  // below 0 they encourage
  EXPECT_EQ(greedy({.presence_penalty = -1.2f}, logits, {}, {1}), 1);
  EXPECT_EQ(greedy({.frequency_penalty = 0.4f, .presence_penalty = 0.5f}, logits, {}, {0}), 0);  // 3.1
  EXPECT_EQ(greedy({.frequency_penalty = 0.4f, .presence_penalty = 0.7f}, logits, {}, {0}), 1);  // 2.9
  // Repetition first: 4 / 2 - 0.5 against 3 / 2; the other way it would be 1.75.
  EXPECT_EQ(greedy({.repetition_penalty = 2, .presence_penalty = 0.5f}, {4, 1.6f}, {}, {0}), 1);
}

TEST(Sampler, BiasIsAddedAndMinusAHundredForbids) {
  EXPECT_EQ(greedy({.logit_bias = {{1, 1.5f}}}, {4, 3, -1}, {}), 1);
  EXPECT_EQ(greedy({.logit_bias = {{0, -1.5f}}}, {4, 3, -1}, {}), 1);
  EXPECT_EQ(greedy({.logit_bias = {{0, -100}}}, {4000, 3, -1}, {}), 1);
  EXPECT_EQ(greedy({.logit_bias = {{2, 100}, {7, 100}}}, {4, 3, -1}, {}), 2);  // there is no token 7
  EXPECT_THROW(greedy({.logit_bias = {{0, -100}, {1, -100}}}, {1, 2}, {}), Error);
  SamplingOptions options = plain();
  options.logit_bias = {{0, -100}, {4, std::log(2.0f)}};
  expect_close(frequencies(options), {0, 0.25, 0.15, 0.07, 0.06});
}

// A window that slides over a long text counts as one that is counted afresh.
TEST(Sampler, CountsAreKeptAsTheAnswerGrows) {
  const SamplingOptions options{
      .temperature = 0, .repetition_penalty = 1.3f, .repetition_window = 7, .frequency_penalty = 0.3f};
  const SamplingOptions repetition{.temperature = 0, .repetition_penalty = 1.3f, .repetition_window = 7};
  for (const SamplingOptions& each : {options, repetition}) {
    Rng rng(3);
    std::vector<TokenId> answer;
    Sampler growing(each);
    for (int step = 0; step < 200; ++step) {
      std::vector<float> logits(20);
      for (float& logit : logits) logit = rng.normal();
      EXPECT_EQ(growing.sample(logits), greedy(each, logits, {}, answer)) << step;
      answer.push_back(static_cast<TokenId>(rng.below(20)));
      growing.accept(answer.back());
    }
  }
}

TEST(Sampler, TheSameSeedGivesTheSameTokens) {
  SamplingOptions options = plain();
  options.seed = 42;
  Sampler a(options), b(options);
  options.seed = 43;
  Sampler c(options);
  int different = 0;
  for (int i = 0; i < 200; ++i) {
    const TokenId token = a.sample(kLogits);
    EXPECT_EQ(token, b.sample(kLogits));
    different += token != c.sample(kLogits);
  }
  EXPECT_GT(different, 50);
}

TEST(Sampler, RefusesWhatIsNoNumber) {
  Sampler sampler(plain());
  EXPECT_THROW(sampler.sample(std::vector<float>{1, std::nanf(""), 2}), Error);
  EXPECT_THROW(sampler.sample(std::vector<float>{1, std::numeric_limits<float>::infinity()}), Error);
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
  refused("repetition_window", [](auto& o) { o.repetition_window = -2; });
  refused("frequency_penalty", [](auto& o) { o.frequency_penalty = 2.1f; });
  refused("presence_penalty", [](auto& o) { o.presence_penalty = std::nanf(""); });
  refused("logit_bias", [](auto& o) { o.logit_bias = {{1, 101}}; });
  refused("logit_bias", [](auto& o) { o.logit_bias = {{-1, 1}}; });
  check(SamplingOptions{});
}

}  // namespace
}  // namespace hadal
