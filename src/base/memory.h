// How much memory there is, so that a plan which does not fit is refused instead of killed.
#pragma once

#include <cstdint>

namespace hadal {

// Bytes that can be taken without swapping (MemAvailable of /proc/meminfo); UINT64_MAX where that is not known.
uint64_t available_memory_bytes();

}  // namespace hadal
