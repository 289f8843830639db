#if defined(__x86_64__)
#define HADAL_LEVEL avx2
#define HADAL_WIDTH 4
#define HADAL_WIDE 4
#define HADAL_NARROW 2
#include "market/factors/kernels-inl.h"

namespace hadal::market::factors {
const Kernels& kernels_avx2() { return avx2::kKernels; }
}  // namespace hadal::market::factors
#else
#include <cstdlib>

#include "market/factors/kernels.h"

namespace hadal::market::factors {
const Kernels& kernels_avx2() { std::abort(); }
}  // namespace hadal::market::factors
#endif
