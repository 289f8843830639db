// Replies sampled through the engine, with the log-probabilities that training takes as they are: the engine runs the
// very Model that is trained, and its log-probabilities are the bits of the policy's own forward (decision 001).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "chat/chat_renderer.h"
#include "engine/engine.h"
#include "rl/rl_recipe.h"
#include "weights/load.h"

namespace hadal::rl {

struct Rollout {
  std::vector<TokenId> ids;      // with the token that ended it
  std::vector<float> log_probs;  // of these, at the temperature; of greedy replies none
  std::vector<uint8_t> mask;     // of these: 0 for a </think> that was forced: the policy did not choose it
  std::string text;              // what the verifier reads: tags as text, without the end token
  bool thinks = false;           // the prompt opened its thoughts
  bool finished = false;         // it ended by itself, and its thoughts before that
  int64_t think_tokens = 0;
};

// The tokens of a reply of full length with a question of usual length.
int64_t longest_rollout(const ModelConfig& config, const RolloutSpec& spec);

// What a cache takes for all replies that are sampled at once, at their full length, or as much of that as `room`
// holds; at least a whole context. Where the cache is full the engine preempts, to the same bits.
uint64_t rollout_cache_bytes(const ModelConfig& config, const RolloutSpec& spec, Precision precision, uint64_t room);

struct Stopped {};  // thrown where a signal ended what was underway: the run resumes from its last checkpoint

// Asks a model whose weights another changes. Used from one thread at a time. A prompt that the model's context cannot
// hold is not asked, with a warning for the first.
class Roller {
 public:
  // `model` outlives this object in its present place; its weights may change while no call runs, and then
  // weights_changed() must be called. `cache_bytes`: 0: those of rollout_cache_bytes() in a quarter of the free memory.
  // `stop` may be null.
  Roller(const weights::LoadedModel& model, const RolloutSpec& spec, Precision precision, const std::atomic<bool>* stop,
         uint64_t cache_bytes = 0);
  ~Roller();

  // The prompt of a question, by the model's own template.
  std::vector<TokenId> prompt(const std::string& question) const;

  // `samples` replies to each prompt at the recipe's temperature, whose prompt is read once. The i-th of a prompt with
  // this seed depends on nothing else. None to a prompt that is too long.
  std::vector<std::vector<Rollout>> sample(std::span<const std::vector<TokenId>> prompts,
                                           std::span<const uint64_t> seeds) const;
  // The likeliest reply to each; to a prompt that is too long an empty one, unfinished. Throws Stopped soon after
  // `stop`.
  std::vector<Rollout> greedy(std::span<const std::vector<TokenId>> prompts) const;

  void weights_changed();

 private:
  bool fits(const std::vector<TokenId>& prompt) const;
  GenerateRequest request(const std::vector<TokenId>& prompt) const;
  Rollout rollout_of(GenerateResult&& result) const;

  RolloutSpec spec_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  chat::ChatRenderer renderer_;
  bool thinks_ = false;
  TokenId think_end_ = -1;
  int64_t context_ = 0;
  const std::atomic<bool>* stop_;
  mutable bool warned_ = false;  // of a prompt that is too long
  std::unique_ptr<Engine> engine_;
};

}  // namespace hadal::rl
