// A research run as the terminal shows it while it goes on: one line.
#pragma once

#include <functional>
#include <string>

#include "base/progress.h"
#include "research/run.h"

namespace hadal {

class ResearchLine {
 public:
  // What keeps the line; it must not outlive it. `stopped`: the user wants no more.
  research::RunHooks hooks(std::function<bool()> stopped);
  void clear() { line_.clear(); }

 private:
  void show(const research::RunProgress& progress, bool stopping);
  std::string last_refused_;
  ProgressLine line_;
};

}  // namespace hadal
