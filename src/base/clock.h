// Time: what passes on a clock that nobody sets, the date, and the processor's.
#pragma once

#include <chrono>
#include <cstdint>

namespace hadal {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  void restart() { start_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

double unix_seconds();  // since 1970; goes back where somebody sets the clock
double cpu_seconds();   // that this process has used, all threads, user and system together

}  // namespace hadal
