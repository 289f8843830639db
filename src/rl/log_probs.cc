#include "rl/log_probs.h"

#include <algorithm>

#include "base/error.h"
#include "ops/ops.h"

namespace hadal::rl {
namespace {

// Some sequences, each without its last token, which nothing follows.
struct TrainBatch {
  Batch batch;
  std::vector<int32_t> targets;

  int64_t tokens() const { return std::ssize(targets); }
  void append(const TokenSequence& sequence) {
    std::vector<TokenId> fed = sequence.prompt;
    targets.insert(targets.end(), fed.size() - 1, -1);
    targets.insert(targets.end(), sequence.ids.begin(), sequence.ids.end());
    fed.insert(fed.end(), sequence.ids.begin(), sequence.ids.end() - 1);
    batch.append(fed);
  }
};

bool is_token(const Tokenizer& tokenizer, TokenId id) {
  return id >= 0 && id < tokenizer.vocab_size() &&
         tokenizer.parts().types[static_cast<size_t>(id)] != TokenType::unused;
}

}  // namespace

void check(const TokenSequence& sequence, const ModelConfig& config, const Tokenizer& tokenizer,
           std::string_view where) {
  if (sequence.prompt.empty()) fail("{}: prompt_ids: expected at least one token, found none", where);
  for (const TokenId id : sequence.prompt)
    if (id < 0 || id >= config.vocab)
      fail("{}: prompt_ids: expected token ids from 0 to {}, found {}", where, config.vocab - 1, id);
  for (const TokenId id : sequence.ids)
    if (!is_token(tokenizer, id) || id >= config.vocab)
      fail("{}: ids: expected tokens that the model can sample, from 0 to {}, found {}", where,
           std::min(config.vocab, tokenizer.vocab_size()) - 1, id);
  if (const size_t length = sequence.prompt.size() + sequence.ids.size();
      length > static_cast<size_t>(config.max_context))
    fail("{}: expected at most {} tokens, prompt and answer together (the context of the model), found {}", where,
         config.max_context, length);
}

Tensor policy_log_probs(const Context& ctx, const Model& model, const Batch& batch, std::span<const int32_t> targets,
                        float temperature) {
  const Tensor hidden = forward(ctx, model, batch, {.mla_form = MlaForm::absorbed}).hidden;
  const Tensor normed = rms_norm(ctx, hidden, model.norm.weight, model.config.norm_eps);
  return token_log_probs(ctx, normed, model.head_weight(), targets, temperature);
}

std::vector<std::vector<float>> rollout_log_probs(Engine& engine, std::span<const TokenSequence> sequences,
                                                  float temperature) {
  std::vector<Generation> generations;
  for (const TokenSequence& sequence : sequences) {
    if (sequence.ids.empty()) continue;
    GenerateRequest request{.prompt = sequence.prompt};
    request.sampling.temperature = temperature;
    request.max_tokens = std::ssize(sequence.ids);
    request.ignore_end = true;
    request.given = sequence.ids;
    request.log_probs = LogProbs::at_temperature;
    generations.push_back(engine.submit(request));
  }
  std::vector<std::vector<float>> log_probs;
  auto generation = generations.begin();
  for (const TokenSequence& sequence : sequences) {
    std::vector<float>& found = log_probs.emplace_back();
    if (sequence.ids.empty()) continue;
    const GenerateResult result = std::move(generation++->wait().front());
    HADAL_CHECK(result.ids == sequence.ids);
    for (const TokenLogProb& token : result.log_probs) found.push_back(token.log_prob);
  }
  return log_probs;
}

std::vector<std::vector<float>> train_log_probs(Context ctx, const Model& model,
                                                std::span<const TokenSequence> sequences, float temperature) {
  std::vector<std::vector<float>> log_probs;
  while (log_probs.size() < sequences.size()) {
    TrainBatch part;
    const size_t first = log_probs.size();
    size_t end = first;
    for (; end < sequences.size(); ++end) {
      const auto& [prompt, ids] = sequences[end];
      if (part.tokens() > 0 && part.tokens() + std::ssize(prompt) + std::ssize(ids) > kTrainTokens) break;
      if (!ids.empty()) part.append(sequences[end]);
    }
    const float* row = nullptr;
    Tape tape;
    ctx.tape = &tape;
    Tensor found;
    if (part.tokens() > 0) {
      found = policy_log_probs(ctx, model, part.batch, part.targets, temperature);
      row = found.f32();
    }
    for (const auto& [prompt, ids] : sequences.subspan(first, end - first)) {
      if (!ids.empty()) row += prompt.size() - 1;
      log_probs.emplace_back(row, row + ids.size());
      row += ids.size();
    }
  }
  return log_probs;
}

}  // namespace hadal::rl
