// Slurm's own programs, asked one after the other by one thread, each with a time limit.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"

namespace hadal::cluster {

class SlurmCommands {
 public:
  struct Answer {
    int code = 0;
    std::string output, error;
  };
  // Error where the program cannot be started, does not end in time, or says that the controller is away. A controller
  // that is away costs 9 s a question: for a few seconds after such an Error every further question gets it at once.
  Answer ask(const std::vector<std::string>& command);
  std::string text(const std::vector<std::string>& command);  // the output; Error where the exit code is not 0
  [[noreturn]] void away(const std::string& words);           // an answer that said so in another way

 private:
  std::string away_;
  Stopwatch since_away_;
};

}  // namespace hadal::cluster
