// What a run leaves behind while it trains: metrics.jsonl (one object a line, flushed) and TensorBoard events.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "train/run/tensorboard.h"

namespace hadal {

class RunLogs {
 public:
  // Appends to the run's files; lines of steps after `first_step` are of a run that was resumed from before them, and
  // go. So do those of a validation at `first_step` where it is measured again (`validates_again`).
  RunLogs(const Path& run, int64_t first_step, bool validates_again);
  // `tokens`: trained on so far; a line that does not say so itself has them as "tokens", so that curves of several
  // runs can be laid over each other.
  void write(int64_t step, int64_t tokens, const std::string& prefix,
             const std::vector<std::pair<std::string, double>>& numbers);

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, &std::fclose};
  Path path_;
  EventFile events_;
};

}  // namespace hadal
