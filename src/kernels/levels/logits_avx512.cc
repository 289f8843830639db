#if defined(__x86_64__)
#include "kernels/levels/logits_hwy-inl.h"

static_assert(HWY_TARGET == HWY_AVX3, "compile this file with the flags of cmake/kernel_flags.cmake");

namespace hadal::kernels {

const LogitKernels& logits_avx512() { return kLogitTable; }

}  // namespace hadal::kernels
#endif
