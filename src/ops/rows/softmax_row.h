// The one softmax over a row of logits: what log-probabilities and losses are made of.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/error.h"
#include "kernels/vector.h"
#include "ops/logits.h"

namespace hadal {

struct SoftmaxRow {
  LogSoftmax log;
  float sum = 0;  // of what the row became
  float max = 0;  // of the logits
};

// Leaves e^((logit - max) / temperature) in the row.
inline SoftmaxRow softmax_in_place(float* logits, int64_t n, float temperature) {
  HADAL_CHECK(n > 0 && temperature > 0, "{} logits at temperature {}", n, temperature);
  SoftmaxRow row{.log = {.inverse = 1 / temperature}};
  row.sum = vec().exp_shifted(logits, row.log.inverse, n, &row.max);
  row.log.log_sum = std::log(double{row.sum}) + double{row.max} * row.log.inverse;
  return row;
}

}  // namespace hadal
