#if defined(__x86_64__)
#define HADAL_LEVEL avx512
#define HADAL_WIDTH 8
#define HADAL_WIDE 4
#define HADAL_NARROW 4
#include "market/factors/kernels-inl.h"

namespace hadal::market::factors {
const Kernels& kernels_avx512() { return avx512::kKernels; }
}  // namespace hadal::market::factors
#else
#include <cstdlib>

#include "market/factors/kernels.h"

namespace hadal::market::factors {
const Kernels& kernels_avx512() { std::abort(); }
}  // namespace hadal::market::factors
#endif
