// Which instructions the kernels may use. Chosen once at run time: the best level this CPU has, or the one named by the
// environment variable HADAL_CPU (generic, avx2, avx512, amx).
#pragma once

#include <string_view>
#include <vector>

namespace hadal {

// avx512 uses vdpbf16ps where the CPU has it and runs it faster than f32 FMA (AMD), f32 FMA where not (Intel).
enum class CpuLevel { generic, avx2, avx512, amx };

std::string_view cpu_level_name(CpuLevel level);
std::vector<CpuLevel> cpu_levels_present();  // in rising order; generic is always there

CpuLevel cpu_level();                  // throws Error when HADAL_CPU names an unknown or absent level
void force_cpu_level(CpuLevel level);  // for tests and benches; packed matrices made before must not be used after

}  // namespace hadal
