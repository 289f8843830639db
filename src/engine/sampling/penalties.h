// What pushes logits up and down before a token is chosen: the repetition, frequency and presence penalties, and
// biases. Counts are kept as the answer grows, so a step costs what the distinct tokens cost, not the length of the
// context.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace hadal {

struct SamplingOptions;

class Penalties {
 public:
  Penalties(const SamplingOptions& options, std::span<const TokenId> prompt);

  void accept(TokenId token);  // a token of the answer
  bool change_nothing() const { return counts_.empty() && biases_.empty(); }
  // First repetition, then frequency and presence, then the bias. Ids beyond the logits are ignored.
  void apply(std::span<float> logits) const;

 private:
  struct Count {
    TokenId id;
    int64_t in_window = 0, in_answer = 0;
  };
  Count& count_of(TokenId token);
  void see(TokenId token);  // it enters the window of the repetition penalty, and the oldest one may leave
  void forget(TokenId token);

  float repetition_, frequency_, presence_;
  int64_t window_;
  std::vector<std::pair<TokenId, float>> biases_;
  std::vector<Count> counts_;                  // of tokens that a penalty sees; empty where none is asked for
  std::unordered_map<TokenId, size_t> index_;  // into counts_
  std::deque<TokenId> last_;                   // what is in the window, where it has an end
};

}  // namespace hadal
