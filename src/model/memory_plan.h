// How much memory a model takes, counted before any is taken, so that one that does not fit is refused instead of
// killed.
#pragma once

#include <cstdint>
#include <string_view>

namespace hadal {

struct MemoryPlan {
  uint64_t copied_bytes = 0;  // tensors in memory of our own: they must stay there
  uint64_t mapped_bytes = 0;  // read from the file as they lie: the system drops pages and reads them again at need
  uint64_t resident_bytes() const { return copied_bytes; }
};

// Throws Error with the figures when the machine has not got what must stay in memory.
void check_fits(const MemoryPlan& plan, std::string_view who);

}  // namespace hadal
