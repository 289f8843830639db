#include "kernels/logits.h"

#include "kernels/cpu.h"

namespace hadal {

const LogitKernels& logit_kernels() {
#if defined(__x86_64__)
  switch (cpu_level()) {
    case CpuLevel::generic:
      return kernels::logits_generic();
    case CpuLevel::avx2:
      return kernels::logits_avx2();
    default:
      return kernels::logits_avx512();
  }
#else
  return kernels::logits_generic();
#endif
}

}  // namespace hadal
