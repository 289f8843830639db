#include "model/memory_plan.h"

#include "base/error.h"
#include "base/memory.h"

namespace hadal {

void check_fits(const MemoryPlan& plan, std::string_view who) {
  const uint64_t available = available_memory_bytes();
  if (plan.resident_bytes() <= available) return;
  const auto gigabytes = [](uint64_t bytes) { return static_cast<double>(bytes) / 1e9; };
  fail(
      "{}: the weights need {:.1f} GB of memory (and {:.1f} GB stay in the file), and this machine has {:.1f} GB left; "
      "free some, "
      "or take a smaller model",
      who, gigabytes(plan.resident_bytes()), gigabytes(plan.mapped_bytes), gigabytes(available));
}

}  // namespace hadal
