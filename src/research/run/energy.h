// Joules of the processor's packages, by the counters of Intel's and AMD's RAPL where they can be read.
#pragma once

#include <optional>
#include <vector>

#include "base/files.h"

namespace hadal::research {

class EnergyMeter {
 public:
  EnergyMeter();
  std::optional<double> joules() const;  // since it was made; none where it cannot be known

 private:
  std::vector<Path> counters_;
  std::vector<double> begin_;
};

}  // namespace hadal::research
