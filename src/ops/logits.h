// What is asked of the logits of one token, a row in the host's memory: log-probabilities, and the passes with which a
// sampler finds the few that matter without sorting. Any thread may call.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/logits.h"

namespace hadal {

// log softmax(logits / temperature) of one row, in nats. The same row gives the same bits wherever it is asked: the
// engine that sampled a token, token_log_probs() and linear_cross_entropy() (there before it is summed) agree.
struct LogSoftmax {
  float inverse = 1;   // 1 / temperature
  double log_sum = 0;  // log of the sum of e^(logit * inverse)

  double exact(float logit) const { return double{logit} * inverse - log_sum; }
  float operator()(float logit) const { return static_cast<float>(exact(logit)); }
};
// `logits` is not empty; temperature > 0. Costs one pass and a copy of the row.
LogSoftmax log_softmax_of(std::span<const float> logits, float temperature = 1);

// The passes of kernels/logits.h, whose words these are.
using LogitRange = LogitKernels::Range;
LogitRange logit_range(std::span<const float> logits);
int64_t find_logit(std::span<const float> logits, float value);  // the first that has it; logits.size() where none does
void weigh_logits(std::span<const float> logits, const LogitFall& fall, std::span<double> sums);
void count_logits(std::span<const float> logits, const LogitFall& fall, std::span<double> sums);
// indices has room for kLogitSlack more than may be found. One more than that is returned where more are.
int64_t gather_logits(std::span<const float> logits, const LogitFall& fall, int32_t begin, int32_t end,
                      std::span<int32_t> indices);

}  // namespace hadal
