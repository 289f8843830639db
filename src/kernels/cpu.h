// The instructions that kernels may use. Chosen once at run time: the best level of this CPU, or the one named by the
// environment variable HADAL_CPU (generic, avx2, avx512, amx). Any thread may call these.
#pragma once

#include <string_view>
#include <vector>

namespace hadal {

// avx512 multiplies bf16 with vdpbf16ps if the CPU has it and it is faster than f32 FMA (AMD), else with f32 FMA.
enum class CpuLevel { generic, avx2, avx512, amx };

std::string_view cpu_level_name(CpuLevel level);
std::vector<CpuLevel> cpu_levels_present();  // ascending; generic is always present

CpuLevel cpu_level();                  // throws Error when HADAL_CPU names an unknown or absent level
void force_cpu_level(CpuLevel level);  // for tests and benches; matrices packed before must not be used after

}  // namespace hadal
