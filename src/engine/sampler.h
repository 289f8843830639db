// From logits to a token. A Sampler belongs to one sequence and is not shared between threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "tokenizer/tokenizer.h"

namespace hadal {

struct SamplingOptions {
  float temperature = 0.7f;         // 0: greedy
  float top_p = 0.95f;              // (0, 1]
  int top_k = 0;                    // 0: off
  float min_p = 0.0f;               // [0, 1): drop tokens below min_p times the best one's probability
  float repetition_penalty = 1.0f;  // > 0; divides positive logits of tokens seen, multiplies negative ones (CTRL)
  uint64_t seed = 0;
};

// Throws Error naming the field that is out of range.
void check(const SamplingOptions& options);

class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);
  // `seen`: prompt and answer so far, for the repetition penalty. NaN logits are an Error.
  TokenId sample(std::span<const float> logits, std::span<const TokenId> seen);

 private:
  SamplingOptions options_;
  Rng rng_;
  std::vector<std::pair<float, TokenId>> candidates_;
};

}  // namespace hadal
