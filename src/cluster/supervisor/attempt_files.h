// What stands in a run's folder about its attempts; see supervisor.h.
#pragma once

#include <string>

#include "cluster/supervisor.h"

namespace hadal::cluster {

constexpr int kTakenExit = 4;

Path attempt_folder(const Path& run_folder, int attempt);

// Makes attempts/N/taken and writes `attempt`. Returns why that may not be, in words: another has taken this attempt,
// or a newer one is there; "" where the attempt is ours. The descriptor of `taken` is then in `lock`, locked as long as
// a process of the supervisor has it open: by that others see that one is there.
std::string take_attempt(const Path& run_folder, int attempt, int& lock);
bool attempt_held(const Path& run_folder, int attempt);  // a supervisor has it now

// exit.json, for which room is taken at once, so that a disk that gets full does not keep a run from ending.
class EndFile {
 public:
  EndFile(const Path& run_folder, int attempt);
  ~EndFile();
  EndFile(const EndFile&) = delete;
  EndFile& operator=(const EndFile&) = delete;
  // Whole. Waits for a disk that is full; returns false where the folder is gone.
  bool write(const AttemptEnd& end);

 private:
  std::string try_write(const std::string& text, bool& hopeless);
  Path run_folder_;
  int attempt_;
  Path file_, temporary_;
  int fd_ = -1;
};

}  // namespace hadal::cluster
