#include "engine/steps/log_probs.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace hadal {

TokenLogProb log_probs_of(const LogSoftmax& log_softmax, std::span<const float> logits, TokenId chosen, int top) {
  TokenLogProb result{chosen, log_softmax(logits[static_cast<size_t>(chosen)])};
  const auto room = static_cast<size_t>(top);
  std::vector<TokenChoice>& best = result.top;  // by their logits for now
  for (size_t id = 0; id < logits.size() && room > 0; ++id) {
    const TokenChoice choice{static_cast<TokenId>(id), logits[id]};
    if (choice.log_prob == -std::numeric_limits<float>::infinity()) continue;
    if (best.size() == room && choice.log_prob <= best.back().log_prob) continue;
    if (best.size() == room) best.pop_back();
    const auto behind = std::ranges::upper_bound(best, choice.log_prob, std::greater<>(), &TokenChoice::log_prob);
    best.insert(behind, choice);
  }
  for (TokenChoice& choice : best) choice.log_prob = log_softmax(choice.log_prob);
  return result;
}

}  // namespace hadal
