#include "kernels/levels/logits_hwy-inl.h"

namespace hadal::kernels {

const LogitKernels& logits_generic() { return kLogitTable; }

}  // namespace hadal::kernels
