#include "kernels/cpu.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "kernels/levels/cpu_features.h"

namespace hadal {
namespace {

constexpr CpuLevel kLevels[] = {CpuLevel::generic, CpuLevel::avx2, CpuLevel::avx512, CpuLevel::amx};

bool present(CpuLevel level) {
  const auto& features = kernels::cpu_features();
  switch (level) {
    case CpuLevel::generic:
      return true;
    case CpuLevel::avx2:
      return features.avx2;
    case CpuLevel::avx512:
      return features.avx512;
    case CpuLevel::amx:
      return features.amx;
  }
  return false;
}

std::string names(const std::vector<CpuLevel>& levels) {
  std::string result;
  for (CpuLevel level : levels) result += (result.empty() ? "" : ", ") + std::string(cpu_level_name(level));
  return result;
}

CpuLevel chosen_by_environment() {
  const auto levels = cpu_levels_present();
  const char* requested = std::getenv("HADAL_CPU");
  if (!requested || !*requested) return levels.back();
  for (CpuLevel level : levels)
    if (cpu_level_name(level) == requested) return level;
  fail("HADAL_CPU: expected a level that this CPU has ({}), found \"{}\"; unset it to take the best", names(levels),
       requested);
}

std::atomic<int> current_level{-1};

}  // namespace

std::string_view cpu_level_name(CpuLevel level) {
  constexpr std::string_view kNames[] = {"generic", "avx2", "avx512", "amx"};
  return kNames[static_cast<int>(level)];
}

std::vector<CpuLevel> cpu_levels_present() {
  std::vector<CpuLevel> levels;
  std::copy_if(std::begin(kLevels), std::end(kLevels), std::back_inserter(levels), present);
  return levels;
}

CpuLevel cpu_level() {
  int level = current_level.load(std::memory_order_relaxed);
  if (level < 0) {
    level = static_cast<int>(chosen_by_environment());
    current_level.store(level, std::memory_order_relaxed);
  }
  return static_cast<CpuLevel>(level);
}

void force_cpu_level(CpuLevel level) {
  HADAL_CHECK(present(level), "level {} is absent on this CPU", cpu_level_name(level));
  current_level.store(static_cast<int>(level), std::memory_order_relaxed);
}

}  // namespace hadal
