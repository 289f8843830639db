#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/cpu.h"
#include "kernels/gemm.h"
#include "kernels/levels/amx_emulator.h"
#include "kernels/levels/level.h"
#include "kernels/logits.h"

namespace hadal {
namespace {

TEST(Levels, EachHasItsOwnTables) {
  std::set<const void*> products, vectors, logits;
  for (const CpuLevel level : cpu_levels_to_test()) {
    force_cpu_level(level);
    products.insert(&kernels::gemm_kernels());
    vectors.insert(&vec());
    logits.insert(&logit_kernels());
  }
  const size_t levels = cpu_levels_to_test().size();
  EXPECT_EQ(products.size(), levels);
  EXPECT_EQ(vectors.size(), std::min<size_t>(levels, 3));  // AMX has the rows' kernels of AVX-512
  EXPECT_EQ(logits.size(), std::min<size_t>(levels, 3));
  force_cpu_level(cpu_levels_present().back());
}

TEST(Levels, PeaksAreMeasured) {
  if (!amx_is_emulated()) force_cpu_level(cpu_levels_present().back());
  if (amx_is_emulated()) force_cpu_level(CpuLevel::generic);
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    const double peak = measure_peak_flops(precision, 2);
    EXPECT_TRUE(std::isfinite(peak) && peak > 0) << peak;
  }
  force_cpu_level(cpu_levels_present().back());
}

}  // namespace
}  // namespace hadal
