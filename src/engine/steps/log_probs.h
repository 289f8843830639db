// The log-probabilities of a step's logits, of one sequence.
#pragma once

#include <span>

#include "engine/generation.h"
#include "ops/logits.h"

namespace hadal {

// Of the token that was chosen from `logits`, and of the `top` likeliest ones, best first, of equals the lower id;
// those that are -infinity are none. `log_softmax` says what a logit means: it may be of more logits than these.
TokenLogProb log_probs_of(const LogSoftmax& log_softmax, std::span<const float> logits, TokenId chosen, int top);

}  // namespace hadal
