// Log-probabilities of given tokens, the sampler's and the trainer's: with bf16 and f32 weights the same bits (decision
// 003). Of the whole vocabulary, at a temperature, in nats.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "model/model.h"

namespace hadal::rl {

struct TokenSequence {
  std::vector<TokenId> prompt, ids;  // log-probabilities are of `ids`, each after all that stands before it
};
// Error naming `where` ("rollouts.jsonl: line 3") and the field, for tokens that the model could not have been given or
// could not have sampled, and for more than its context.
void check(const TokenSequence& sequence, const ModelConfig& config, const Tokenizer& tokenizer,
           std::string_view where);

// The forward of the policy loss: log-probabilities of `targets` (-1: none, 0), [T]. A loss is a weighted_sum() of
// them. The batch has no states.
Tensor policy_log_probs(const Context& ctx, const Model& model, const Batch& batch, std::span<const int32_t> targets,
                        float temperature);

// As the engine has them while it samples: the ids of each sequence are fed one a step over its cache, as many
// sequences at once as the engine runs. Checked sequences.
std::vector<std::vector<float>> rollout_log_probs(Engine& engine, std::span<const TokenSequence> sequences,
                                                  float temperature);

// As training has them: ragged batches of whole sequences (one, up to kTrainTokens) through policy_log_probs() with a
// tape. `model` has gradients. Checked sequences.
inline constexpr int64_t kTrainTokens = 16384;
std::vector<std::vector<float>> train_log_probs(Context ctx, const Model& model,
                                                std::span<const TokenSequence> sequences, float temperature);

}  // namespace hadal::rl
