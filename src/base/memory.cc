#include "base/memory.h"

#include <fstream>
#include <string>

namespace hadal {

uint64_t available_memory_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string key; file >> key;) {
    uint64_t kib = 0;
    if (key == "MemAvailable:" && file >> kib) return kib * 1024;
  }
  return UINT64_MAX;
}

}  // namespace hadal
