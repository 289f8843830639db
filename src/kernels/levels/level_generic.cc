#include "kernels/levels/gemm_hwy-inl.h"
#include "kernels/levels/vector_hwy-inl.h"

namespace hadal::kernels {
namespace {
constexpr GemmKernels kTable = {kMaxRows,
                                384 * 1024,
                                512,
                                Format::f32_rounded_to_bf16,
                                multiply<true>,
                                multiply<false>,
                                nullptr,
                                nullptr,
                                0,
                                pack_a,
                                pack_panel,
                                spin,
                                spin};
}

const GemmKernels& gemm_generic() { return kTable; }
const VectorKernels& vector_generic() { return kVectorTable; }

}  // namespace hadal::kernels
