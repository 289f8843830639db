// Passes over the logits of one token that find the few likely ones without sorting all. x = (logit - best) * inverse
// <= 0, in double precision, is how far a logit lies below the best; inverse is 1 / temperature. Logits with x < -reach
// are ignored. Buckets of equal width divide the others by x: bucket 0 begins at the best logit, the last bucket takes
// the rest.
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
    bool has_nan;  // then min and max are undefined
  };
  Range (*range)(const float* logits, int64_t n);
  int64_t (*find)(const float* logits, int64_t n, float value);  // the first index of value; n if there is none
  // sums[bucket] += e^(x + bucket * width) for each logit of the bucket, with a relative error of 1e-13. The order of
  // the sum is not specified. `sums` has at least kLogitSlack elements.
  void (*weigh)(const float* logits, int64_t n, const LogitFall& fall, double* sums);
  void (*count)(const float* logits, int64_t n, const LogitFall& fall, double* sums);  // adds 1 for each
  // Writes the indices of the logits in buckets [begin, end), in order, and returns their number, or room + 1 if there
  // are more than `room`. `indices` has space for room + kLogitSlack.
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
