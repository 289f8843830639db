#define HADAL_LEVEL generic
#define HADAL_WIDTH 2
#define HADAL_WIDE 4
#define HADAL_NARROW 2
#include "market/factors/kernels-inl.h"

namespace hadal::market::factors {
const Kernels& kernels_generic() { return generic::kKernels; }
}  // namespace hadal::market::factors
