// Passes over the logits of one token that find the few which matter, so that nobody has to sort them. A logit falls by
// x = (logit - best) * inverse <= 0 in double precision, where inverse is 1 / temperature. What falls below -reach
// counts for nothing. Buckets of one width part the rest by x: bucket 0 begins with the best one, and the last one
// takes what is left.
#pragma once

#include <cstdint>

namespace hadal {

struct LogitFall {
  double best = 0, inverse = 1, reach = 40;
  double width = 0;  // of a bucket, at most 0.02; 0: there is one bucket
  int32_t buckets = 1;
};

struct LogitKernels {
  struct Range {
    float min, max;
    bool has_nan;  // then min and max are anything
  };
  Range (*range)(const float* logits, int64_t n);
  int64_t (*find)(const float* logits, int64_t n, float value);  // the first index that has it; n where none does
  // sums[bucket] += e^(x + bucket * width) of its logits, with an error of 1e-13 of each. The order of the sum is no
  // promise. `sums` has at least kLogitSlack numbers.
  void (*weigh)(const float* logits, int64_t n, const LogitFall& fall, double* sums);
  void (*count)(const float* logits, int64_t n, const LogitFall& fall, double* sums);  // the same with 1 for each
  // Indices of the logits in buckets [begin, end), in order, and how many there are; room + 1 where there are more than
  // `room`. `indices` has room for kLogitSlack more.
  int64_t (*gather)(const float* logits, int64_t n, const LogitFall& fall, int32_t begin, int32_t end, int64_t room,
                    int32_t* indices);
};
inline constexpr int64_t kLogitSlack = 16;

// The table of the current cpu_level().
const LogitKernels& logit_kernels();

namespace kernels {
const LogitKernels& logits_generic();
#if defined(__x86_64__)
const LogitKernels& logits_avx2();
const LogitKernels& logits_avx512();
#endif
}  // namespace kernels

}  // namespace hadal
