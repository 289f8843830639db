// From logits to a token. A Sampler belongs to one sequence and is not shared between threads.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "engine/sampling/penalties.h"
#include "tokenizer/tokenizer.h"

namespace hadal {

struct SamplingOptions {
  float temperature = 0.7f;         // 0: greedy
  float top_p = 0.95f;              // (0, 1]
  int top_k = 0;                    // 0: off
  float min_p = 0.0f;               // [0, 1): drop tokens below min_p times the best one's probability
  float repetition_penalty = 1.0f;  // > 0; divides positive logits of tokens seen, multiplies negative ones (CTRL)
  int repetition_window = -1;       // how many of the last tokens, prompt and answer, it looks at; -1: all, 0: none
  float frequency_penalty = 0.0f;   // [-2, 2]; subtracted from a logit for each time that the token is in the answer
  float presence_penalty =
      0.0f;  // [-2, 2]; subtracted once if it is there at all. Neither looks at the prompt (OpenAI)
  std::vector<std::pair<TokenId, float>> logit_bias = {};  // added to logits, [-100, 100]; -100: never
  uint64_t seed = 0;
};

// Throws Error naming the field that is out of range.
void check(const SamplingOptions& options);

class Sampler {
 public:
  // `prompt`: what stands before the answer, for the repetition penalty.
  explicit Sampler(const SamplingOptions& options, std::span<const TokenId> prompt = {});
  // NaN logits are an Error, and so is a bias that forbids every token.
  TokenId sample(std::span<const float> logits);
  // Appends `token` to the answer that the penalties count.
  void accept(TokenId token) { penalties_.accept(token); }

 private:
  SamplingOptions options_;
  Rng rng_;
  Penalties penalties_;
};

}  // namespace hadal
