#include "research/run/energy.h"

#include <fstream>

#include "base/error.h"

namespace hadal::research {
namespace {

double read_counter(const Path& file) {  // -1 where it cannot be read
  double value = -1;
  std::ifstream(file) >> value;
  return value;
}

}  // namespace

EnergyMeter::EnergyMeter() {
  for (int package = 0; package < 16; ++package) {
    const Path file = fmt::format("/sys/class/powercap/intel-rapl:{}/energy_uj", package);
    const double value = read_counter(file);
    if (value < 0) break;
    counters_.push_back(file);
    begin_.push_back(value);
  }
}

std::optional<double> EnergyMeter::joules() const {
  double sum = 0;
  for (size_t i = 0; i < counters_.size(); ++i) {
    const double used = read_counter(counters_[i]) - begin_[i];
    if (used < 0) return {};  // the counter began again
    sum += used;
  }
  if (counters_.empty()) return {};
  return sum / 1e6;
}

}  // namespace hadal::research
