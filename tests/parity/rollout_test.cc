// The log-probabilities of a roll-out are the trainer's, bit for bit (decision 003): what the engine sampled, some
// sequences at a time, one token a step over its cache, equals one ragged batch with a tape and no cache. So do those
// of the same tokens given to the engine.
#include <gtest/gtest.h>

#include "engine/testing/engine_support.h"
#include "rl/log_probs.h"

namespace hadal {
namespace {

struct NamedModel {
  const char* name;
  ModelConfig config;
};
std::vector<NamedModel> models() {
  ModelConfig mixture = test::tiny_deepseek(true), without_q_lora = test::tiny_deepseek(false), gqa = test::tiny_gqa();
  ModelConfig dense = mixture;
  dense.first_dense = dense.layers;
  std::vector<NamedModel> models = {
      {"mixture", mixture}, {"mixture without q_lora", without_q_lora}, {"dense", dense}, {"gqa", gqa}};
  for (NamedModel& model : models) model.config.vocab = 264, model.config.eos = 256;
  return models;
}

// Prompts of many lengths; the fourth of each four has four answers.
std::vector<GenerateRequest> requests(LogProbs kind, float temperature) {
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 32; ++i) {
    const auto length = static_cast<size_t>(1 + i * 37 % 90);
    requests.push_back(
        test::make_request(std::string(length, static_cast<char>('a' + i)), static_cast<uint64_t>(i), 12));
    requests.back().sampling.temperature = temperature;
    requests.back().sampling.top_p = 1;
    requests.back().sampling.logit_bias = {{256, i % 5 == 0 ? 3.0f : 0.0f}};  // some end by the end token
    requests.back().log_probs = kind;
    requests.back().answers = i % 4 == 3 ? 4 : 1;
  }
  return requests;
}

struct Rollout {
  rl::TokenSequence tokens;  // with the end token
  std::vector<float> log_probs;
};

std::vector<Rollout> roll_out(Engine& engine, LogProbs kind, float temperature) {
  std::vector<Generation> generations;
  const auto asked = requests(kind, temperature);
  for (const GenerateRequest& request : asked) generations.push_back(engine.submit(request));
  std::vector<Rollout> rollouts;
  for (size_t i = 0; i < asked.size(); ++i)
    for (GenerateResult& result : generations[i].wait()) {
      Rollout& rollout = rollouts.emplace_back(Rollout{{asked[i].prompt, {}}, {}});
      if (result.end) result.log_probs.push_back(*result.end);
      for (const TokenLogProb& token : result.log_probs) {
        rollout.tokens.ids.push_back(token.id);
        rollout.log_probs.push_back(token.log_prob);
      }
    }
  return rollouts;
}

std::vector<rl::TokenSequence> sequences_of(const std::vector<Rollout>& rollouts) {
  std::vector<rl::TokenSequence> sequences;
  for (const Rollout& rollout : rollouts) sequences.push_back(rollout.tokens);
  return sequences;
}

using LogProbLists = std::vector<std::vector<float>>;

// Of all three ways: sampled, given to the engine, trained on. What is sampled is the same however many run at once, so
// that it is trained on once.
void expect_equal(const Context& ctx, const std::shared_ptr<Model>& model, LogProbs kind, float temperature,
                  int at_once, LogProbLists& trained) {
  Engine engine(model, test::byte_tokenizer(), {.max_running = at_once, .precision = ctx.precision});
  const std::vector<Rollout> rollouts = roll_out(engine, kind, temperature);
  ASSERT_EQ(rollouts.size(), 32u + 3 * 8);
  const float divisor = kind == LogProbs::raw ? 1 : temperature;
  const std::vector<rl::TokenSequence> sequences = sequences_of(rollouts);
  if (trained.empty()) trained = rl::train_log_probs(ctx, *model, sequences, divisor);
  const LogProbLists given = rl::rollout_log_probs(engine, sequences, divisor);
  size_t tokens = 0;
  for (size_t s = 0; s < rollouts.size(); ++s) {
    EXPECT_EQ(rollouts[s].log_probs, trained[s]) << "sequence " << s;
    EXPECT_EQ(given[s], trained[s]) << "sequence " << s;
    tokens += rollouts[s].log_probs.size();
  }
  EXPECT_GT(tokens, 400u);
}

TEST(Rollout, LogProbabilitiesAreTheTrainers) {
  test::at_every_level_and_precision([](const Context& ctx) {
    for (const auto& [name, config] : models()) {
      SCOPED_TRACE(name);
      const std::shared_ptr<Model> model = test::make_model(config);
      for (const float temperature : {1.0f, 0.7f}) {
        LogProbLists trained;
        for (const int at_once : {1, 7, 32}) {
          SCOPED_TRACE(fmt::format("{} at once, temperature {}", at_once, temperature));
          expect_equal(ctx, model, LogProbs::at_temperature, temperature, at_once, trained);
        }
      }
      LogProbLists trained;
      expect_equal(ctx, model, LogProbs::raw, 0.7f, 7, trained);
    }
  });
}

}  // namespace
}  // namespace hadal
