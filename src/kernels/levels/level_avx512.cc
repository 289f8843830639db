#if defined(__x86_64__)
#include "kernels/levels/gemm_hwy-inl.h"
#include "kernels/levels/vector_hwy-inl.h"

static_assert(HWY_TARGET == HWY_AVX3, "compile this file with the flags of cmake/kernel_flags.cmake");

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

const GemmKernels& gemm_avx512() { return kTable; }
const VectorKernels& vector_avx512() { return kVectorTable; }

}  // namespace hadal::kernels
#endif
