// For tests: AMX on any x86-64 CPU. An illegal-instruction handler decodes and carries out the tile instructions that
// the AMX kernel uses, so its real machine code runs (slowly) where there are no tiles.
#pragma once

#include <vector>

#include "kernels/cpu.h"

namespace hadal {

// Installs the emulator where the CPU has AVX-512 but no AMX. True if AMX, real or emulated, can be used now.
bool amx_or_emulator();
bool amx_is_emulated();

// cpu_levels_present() with amx among them where the emulator can run.
std::vector<CpuLevel> cpu_levels_to_test();

}  // namespace hadal
