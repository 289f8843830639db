// What the verbs that train have in common: the signals that stop a run, memory, how they end.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/json_fwd.h"
#include "train/recipe_figures.h"

namespace hadal {

// The exit code of a run that a signal stopped: --resume continues it. A run that ended by itself or by --max-steps
// has 0.
inline constexpr int kExitStopped = 3;

// Ctrl-C, SIGTERM, SIGUSR1 (a cluster suspends the run) and SIGHUP (the terminal was closed) set the flag: the run
// saves and stops after the step. Ctrl-C or SIGTERM a second time ends the process as usual (the last checkpoint is
// whole); a closed terminal may send SIGHUP twice, itself and through its shell. A run continues when its output is
// closed.
const std::atomic<bool>& stop_on_signals();

// Every step takes and frees the same large blocks. Returned to the system they would come again as pages to be
// cleared, which costs a tenth of a step.
void keep_freed_memory();

// What a cluster tells the runs that it starts, by their environment (docs/cluster.md).
struct ClusterOrders {
  bool resume = false;                     // HADAL_RESUME=1
  int64_t budget = 0;                      // HADAL_BUDGET: tokens after which to stop; 0: none
  std::function<void()> may_publish = {};  // with HADAL_ATTEMPT: Error where the run's folder names another attempt
  // The budget as the trainer's max_tokens: none where the run, of `length` tokens at most (0: not known), ends within.
  int64_t max_tokens(int64_t length) const { return length > 0 && length <= budget ? 0 : budget; }
};
ClusterOrders read_cluster_orders();  // Error for a value that is none

// --check: {"tokens","held_out","memory_bytes"}, or the same for people.
void print_figures(const RecipeFigures& figures, bool json);

void say(const std::string& line);             // to standard error; a closed one is no reason to fail
bool print_report(const OrderedJson& report);  // to standard output; false: nobody reads it, which is logged

}  // namespace hadal
