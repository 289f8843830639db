#include "kernels/cpu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "kernels/levels/cpu_features.h"
#include "kernels/levels/level.h"

namespace hadal {
namespace {

TEST(Cpu, LevelsAreNamedAndAscending) {
  EXPECT_EQ(cpu_level_name(CpuLevel::generic), "generic");
  EXPECT_EQ(cpu_level_name(CpuLevel::avx2), "avx2");
  EXPECT_EQ(cpu_level_name(CpuLevel::avx512), "avx512");
  EXPECT_EQ(cpu_level_name(CpuLevel::amx), "amx");
  const auto levels = cpu_levels_present();
  ASSERT_FALSE(levels.empty());
  EXPECT_EQ(levels.front(), CpuLevel::generic);
  EXPECT_TRUE(std::is_sorted(levels.begin(), levels.end()));
}

TEST(Cpu, LevelsFollowTheFeatures) {
  const auto& f = kernels::cpu_features();
  const auto levels = cpu_levels_present();
  const auto has = [&](CpuLevel level) { return std::find(levels.begin(), levels.end(), level) != levels.end(); };
  EXPECT_EQ(has(CpuLevel::avx2), f.avx2);
  EXPECT_EQ(has(CpuLevel::avx512), f.avx512);
  EXPECT_EQ(has(CpuLevel::amx), f.amx);
  EXPECT_TRUE(f.avx2 || !f.avx512);  // each level has the instructions of those below
  EXPECT_TRUE(f.avx512 || !(f.amx || f.avx512_vnni || f.fast_dpbf16));
}

TEST(Cpu, ForcingALevelChangesTheTables) {
  for (const CpuLevel level : cpu_levels_present()) {
    force_cpu_level(level);
    EXPECT_EQ(cpu_level(), level);
    const auto& table = kernels::gemm_kernels();
    EXPECT_EQ(table.multiply_tiles != nullptr, level == CpuLevel::amx) << cpu_level_name(level);
    EXPECT_EQ(table.few_rows > 0, table.multiply_bf16_rows != nullptr) << cpu_level_name(level);
    EXPECT_LE(table.few_rows, kernels::kFewRows);
    EXPECT_EQ(table.a_block_bytes % 64, 0);
    EXPECT_EQ(table.block_k_bf16 % kernels::kUnit, 0);
  }
  force_cpu_level(cpu_levels_present().back());
}

// In a new process, as the level is chosen once.
TEST(CpuDeathTest, TheEnvironmentChoosesALevel) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto exit_with_level = [](const char* name) {
    ::setenv("HADAL_CPU", name, 1);
    std::exit(cpu_level() == CpuLevel::generic ? 7 : 8);
  };
  EXPECT_EXIT(exit_with_level("generic"), testing::ExitedWithCode(7), "");
  EXPECT_EXIT(
      {
        ::setenv("HADAL_CPU", "sse9", 1);
        try {
          cpu_level();
        } catch (const std::exception& e) {
          std::fputs(e.what(), stderr);
          std::exit(9);
        }
        std::exit(0);
      },
      testing::ExitedWithCode(9), "HADAL_CPU: expected a level that this CPU has .generic.*found \"sse9\"");
}

}  // namespace
}  // namespace hadal
