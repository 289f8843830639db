// The one process between the cluster and a run's program: `hadal cluster supervise ORDER`. It outlives the daemon,
// takes the attempt, sets the limits, passes signals on, keeps the log small, and says how it ended.
//
// In the run's folder: `attempt` the number of the newest attempt; `attempts/N/taken`, made by exclusive creation: who
// cannot make it ends with exit code 4 and has started nothing; `attempts/N/exit.json`, written whole at the end; `log`
// (head) and, for what is longer, `log.tail`.
//
// SIGUSR1: suspend: SIGUSR1 to the program, SIGTERM to its group after grace_s, SIGKILL after kill_after_s more.
// SIGTERM: stop: at once SIGTERM, SIGKILL after kill_after_s. Whatever the program left behind (also what made itself a
// daemon) is killed; where the supervisor is killed, so is its program. An exit.json is written in all of these cases;
// it is missing only where the run's folder is gone, the machine went down, or all of the supervisor (it is two
// processes) was killed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"

namespace hadal::cluster {

// What the daemon writes for an attempt, readable by its user alone (it holds the attempt's token).
struct Order {
  std::string name;  // as StartOrder
  int64_t run = 0;
  int attempt = 0;
  Path folder;  // the run's own: where the program works
  std::vector<std::string> command;
  // All that the program has, but for PATH, HOME, USER and LOGNAME where they are missing here, and Slurm's own
  // variables in a job of Slurm. The value, from 6 bytes on, of a key with TOKEN, KEY, PASSWORD or SECRET in it
  // is masked in the log.
  std::vector<std::pair<std::string, std::string>> environment;
  int slots = 1;
  std::vector<int> cores;    // to bind to; empty: none
  int64_t memory_bytes = 0;  // 0: no limit
  double grace_s = 120, kill_after_s = 10;
  double time_limit_s = 0;      // 0: none
  int64_t log_bytes = 8 << 20;  // of head and tail each
};
void write_order(const Path& file, const Order& order, uint32_t uid, uint32_t gid);
Order read_order(const Path& file);

// attempts/N/exit.json
struct AttemptEnd {
  int attempt = 0;
  std::optional<int> code = {};  // of the program; 128 + signal; 126 and 127: it could not be started; none: not known
  std::string why = {};    // "exit code 3", "memory above 2 GiB", "time limit of 2 h", "killed 10 s after SIGTERM"
  bool suspended = false;  // it was asked to save
  bool stopped = false;    // by SIGTERM or its time limit
  double started = 0, ended = 0;  // seconds since 1970
  double seconds = 0;             // on a clock that nobody sets
  double core_seconds = 0;        // slots times that
};
// None: not there, or its supervisor is there still, and what stands there not its word. Follows no links below the
// run's folder; one that is damaged is an end too, which says so.
std::optional<AttemptEnd> read_attempt_end(const Path& run_folder, int attempt);

int supervise(const Path& order_file);  // the exit code of the process

}  // namespace hadal::cluster
