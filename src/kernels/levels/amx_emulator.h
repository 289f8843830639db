// For tests: AMX on any CPU with AVX-512. A handler of illegal instructions decodes and executes the tile instructions
// that the AMX kernel uses, so that its real machine code runs (slowly) on CPUs without tiles.
#pragma once

#include <vector>

#include "kernels/cpu.h"

namespace hadal {

// Installs the emulator on a CPU with AVX-512 but without AMX. True if AMX, real or emulated, can be used now.
bool amx_or_emulator();
bool amx_is_emulated();

// cpu_levels_present(), with amx if it is real or emulated.
std::vector<CpuLevel> cpu_levels_to_test();

}  // namespace hadal
