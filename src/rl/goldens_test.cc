// The figures of tests/reason/goldens.json, or of the file that HADAL_RL_GOLDENS names: worked out in float64 by other
// code than ours, from the papers' formulas.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/files.h"
#include "base/json.h"
#include "ops/logits.h"
#include "rl/grpo.h"
#include "tasks/measures.h"

namespace hadal::rl {
namespace {

template <typename Real>
constexpr double kTolerance = sizeof(Real) == 4 ? 1e-6 : 1e-12;  // relative or absolute

Path goldens_file() {
  const char* named = std::getenv("HADAL_RL_GOLDENS");
  return named != nullptr ? Path(named) : Path(HADAL_SOURCE_DIR) / "tests/reason/goldens.json";
}

const Json& goldens() {
  static const Json json = parse_json(read_file(goldens_file()), goldens_file().string());
  return json;
}

void expect_close(double found, double expected, double tolerance) {
  EXPECT_LE(std::abs(found - expected), tolerance * std::max(1.0, std::abs(expected)))
      << "found " << found << ", expected " << expected;
}

LossSpec spec_of(const Json& golden) {
  LossSpec spec;
  spec.advantage = advantage_kind(golden.at("advantage").get<std::string>(), "golden");
  spec.epsilon = golden.at("epsilon");
  spec.loss = loss_kind(golden.at("loss").get<std::string>(), "golden");
  spec.clip_low = golden.at("clip_low");
  spec.clip_high = golden.at("clip_high");
  spec.kl = kl_kind(golden.at("kl").get<std::string>(), "golden");
  spec.kl_weight = golden.at("kl_weight");
  if (!golden.at("off_policy_limit").is_null()) spec.off_policy_limit = golden.at("off_policy_limit").get<double>();
  spec.max_length = golden.at("max_length");
  return spec;
}

// Which groups a batch of a golden keeps.
std::vector<size_t> kept_groups(const Json& golden) {
  std::vector<size_t> kept;
  const auto rewards = golden.at("rewards").get<std::vector<std::vector<double>>>();
  for (size_t g = 0; g < rewards.size(); ++g)
    if (!golden.at("drop_zero_spread").get<bool>() || has_spread(rewards[g])) kept.push_back(g);
  return kept;
}

template <typename Real>
void expect_golden(const Json& golden) {
  const LossSpec spec = spec_of(golden);
  const std::vector<size_t> kept = kept_groups(golden);
  EXPECT_EQ(Json(kept), golden.at("kept_groups"));
  using Tokens = std::vector<std::vector<std::vector<Real>>>;
  const Tokens now = golden.at("new"), old = golden.at("old"), ref = golden.at("ref");
  const std::vector<std::vector<std::vector<uint8_t>>> mask = golden.at("mask");
  const std::vector<std::vector<double>> rewards = golden.at("rewards");

  LossTerms terms;
  Tokens gradient = now;
  for (auto& group : gradient)
    for (auto& sequence : group) std::ranges::fill(sequence, Real{0});
  for (size_t g = 0; g < rewards.size(); ++g) {
    const std::vector<double> found = advantages(spec, rewards[g]);
    for (size_t s = 0; s < found.size(); ++s) expect_close(found[s], golden.at("advantages")[g][s], 1e-12);
    if (std::ranges::find(kept, g) == kept.end()) continue;
    for (size_t s = 0; s < found.size(); ++s) {
      const PolicySample<Real> sample{now[g][s], old[g][s], ref[g][s], mask[g][s], found[s]};
      terms += policy_loss<Real>(spec, sample, gradient[g][s]);
    }
  }
  const Json& expected = golden.at("expected");
  expect_close(terms.loss(), expected.at("loss"), kTolerance<Real>);
  expect_close(terms.clip_share(), expected.at("clip_share"), kTolerance<Real>);
  EXPECT_EQ(terms.tokens, expected.at("tokens"));
  EXPECT_EQ(terms.sequences_masked, expected.at("sequences_masked"));
  for (size_t g = 0; g < rewards.size(); ++g)
    for (size_t s = 0; s < gradient[g].size(); ++s)
      for (size_t t = 0; t < gradient[g][s].size(); ++t)
        expect_close(terms.weight > 0 ? double{gradient[g][s][t]} / terms.weight : 0, expected.at("gradient")[g][s][t],
                     kTolerance<Real>);
}

TEST(Goldens, LossesAndGradients) {
  ASSERT_FALSE(goldens().at("policy").empty());
  for (const Json& golden : goldens().at("policy")) {
    SCOPED_TRACE(golden.at("name").get<std::string>());
    expect_golden<double>(golden);
    expect_golden<float>(golden);
  }
}

TEST(Goldens, KlEstimators) {
  for (const Json& golden : goldens().at("kl")) {
    const double now = golden.at("new"), ref = golden.at("ref");
    expect_close(kl_term(KlKind::k3, now, now, ref).value, golden.at("k3"), 1e-12);
    const KlTerm weighted = kl_term(KlKind::k3_ratio, now, now, ref);  // at ratio 1 its gradient is k1
    expect_close(weighted.value, golden.at("k3"), 1e-12);
    expect_close(weighted.gradient, golden.at("k1"), 1e-12);
  }
}

TEST(Goldens, LogProbabilitiesAndEntropies) {
  for (const Json& golden : goldens().at("scores")) {
    const std::vector<float> logits = golden.at("logits");
    const double temperature = golden.at("temperature");
    const LogSoftmax log_softmax = log_softmax_of(logits, static_cast<float>(temperature));
    for (size_t i = 0; i < logits.size(); ++i) expect_close(log_softmax(logits[i]), golden.at("log_probs")[i], 1e-6);
    expect_close(entropy(logits, temperature), golden.at("entropy"), 1e-6);
  }
}

TEST(Goldens, PassAtK) {
  for (const Json& golden : goldens().at("pass_at_k"))
    expect_close(tasks::pass_at_k(golden.at("samples"), golden.at("correct"), golden.at("k")), golden.at("pass"),
                 1e-12);
}

TEST(Goldens, WilsonIntervals) {
  for (const Json& golden : goldens().at("wilson")) {
    const tasks::Interval interval = tasks::wilson_interval(golden.at("correct"), golden.at("items"));
    expect_close(interval.low, golden.at("interval_95")[0], 1e-12);
    expect_close(interval.high, golden.at("interval_95")[1], 1e-12);
  }
}

TEST(Goldens, OverlongTerm) {
  for (const Json& golden : goldens().at("overlong"))
    expect_close(overlong_reward(golden.at("length"), golden.at("max_length"), golden.at("soft")), golden.at("reward"),
                 1e-12);
}

// "24/2" is "12.0".
double value_of(std::string_view answer) {
  const std::string text(answer);
  const size_t slash = text.find('/');
  return std::stod(text) / (slash == std::string::npos ? 1 : std::stod(text.substr(slash + 1)));
}

TEST(Goldens, Votes) {
  for (const Json& golden : goldens().at("votes")) {
    std::vector<std::optional<std::string>> answers;
    for (const Json& answer : golden.at("answers"))
      answers.push_back(answer.is_null() ? std::nullopt : std::optional(answer.get<std::string>()));
    const tasks::Vote vote = tasks::majority_vote(
        answers, [](std::string_view a, std::string_view b) { return value_of(a) == value_of(b); });
    EXPECT_EQ(vote.votes, golden.at("votes"));
    ASSERT_EQ(vote.winner.has_value(), !golden.at("winner").is_null());
    if (vote.winner) EXPECT_EQ(answers[*vote.winner], golden.at("winner").get<std::string>());
  }
}

}  // namespace
}  // namespace hadal::rl
