// The log-probabilities of a roll-out are the trainer's, bit for bit (decision 001): what the engine sampled, some
// sequences at a time, one token a step over its cache, equals one ragged batch with a tape and no cache.
#include <gtest/gtest.h>

#include "engine/testing/engine_support.h"

namespace hadal {
namespace {

constexpr float kTemperature = 0.8f;

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
std::vector<GenerateRequest> requests(LogProbs kind) {
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 32; ++i) {
    const auto length = static_cast<size_t>(1 + i * 37 % 90);
    requests.push_back(
        test::make_request(std::string(length, static_cast<char>('a' + i)), static_cast<uint64_t>(i), 12));
    requests.back().sampling.temperature = kTemperature;
    requests.back().sampling.top_p = 1;
    requests.back().sampling.logit_bias = {{256, i % 5 == 0 ? 3.0f : 0.0f}};  // some end by the end token
    requests.back().log_probs = kind;
    requests.back().answers = i % 4 == 3 ? 4 : 1;
  }
  return requests;
}

struct Rollout {
  std::vector<TokenId> prompt;
  std::vector<TokenLogProb> sampled;  // with the end token
};

std::vector<Rollout> roll_out(const std::shared_ptr<Model>& model, Precision precision, LogProbs kind, int at_once) {
  Engine engine(model, test::byte_tokenizer(), {.max_running = at_once, .precision = precision});
  std::vector<Generation> generations;
  const auto asked = requests(kind);
  for (const GenerateRequest& request : asked) generations.push_back(engine.submit(request));
  std::vector<Rollout> rollouts;
  for (size_t i = 0; i < asked.size(); ++i)
    for (GenerateResult& result : generations[i].wait()) {
      rollouts.push_back({asked[i].prompt, std::move(result.log_probs)});
      if (result.end) rollouts.back().sampled.push_back(*result.end);
    }
  return rollouts;
}

// Of each roll-out's sampled tokens.
std::vector<std::vector<float>> train(Context ctx, Model& model, const std::vector<Rollout>& rollouts,
                                      float temperature) {
  Tape tape;
  ctx.tape = &tape;
  Batch batch;
  std::vector<int32_t> targets;
  for (const Rollout& rollout : rollouts) {
    std::vector<TokenId> ids = rollout.prompt;
    targets.insert(targets.end(), ids.size() - 1, -1);
    for (const TokenLogProb& token : rollout.sampled) {
      ids.push_back(token.id);
      targets.push_back(token.id);
    }
    ids.pop_back();
    batch.append(ids);
  }
  const Tensor hidden = forward(ctx, model, batch, {.mla_form = MlaForm::absorbed, .balance_weight = 0.01f}).hidden;
  const Tensor normed = rms_norm(ctx, hidden, model.norm.weight, model.config.norm_eps);
  const Tensor found = token_log_probs(ctx, normed, model.head_weight(), targets, temperature);
  std::vector<std::vector<float>> log_probs;
  for (size_t s = 0; s < rollouts.size(); ++s) {
    const float* end = found.f32() + batch.offsets[s + 1];
    log_probs.emplace_back(end - std::ssize(rollouts[s].sampled), end);
  }
  return log_probs;
}

TEST(Rollout, LogProbabilitiesAreTheTrainers) {
  test::at_every_level_and_precision([](const Context& ctx) {
    for (const auto& [name, config] : models()) {
      SCOPED_TRACE(name);
      const std::shared_ptr<Model> model = test::make_model(config);
      for (const LogProbs kind : {LogProbs::at_temperature, LogProbs::raw}) {
        std::vector<std::vector<float>> trained;
        for (const int at_once : {1, 7, 32}) {
          if (kind == LogProbs::raw && at_once != 7) continue;
          SCOPED_TRACE(at_once);
          const std::vector<Rollout> rollouts = roll_out(model, ctx.precision, kind, at_once);
          ASSERT_EQ(rollouts.size(), 32u + 3 * 8);
          if (trained.empty()) trained = train(ctx, *model, rollouts, kind == LogProbs::raw ? 1 : kTemperature);
          int64_t tokens = 0;
          for (size_t s = 0; s < rollouts.size(); ++s) {
            ASSERT_EQ(rollouts[s].sampled.size(), trained[s].size());
            for (size_t t = 0; t < trained[s].size(); ++t, ++tokens)
              ASSERT_EQ(rollouts[s].sampled[t].log_prob, trained[s][t]) << "sequence " << s << ", token " << t;
          }
          EXPECT_GT(tokens, 400);
        }
      }
    }
  });
}

}  // namespace
}  // namespace hadal
