// What the verbs that train have in common: the signals that stop a run, memory, how they end.
#pragma once

#include <atomic>
#include <string>

#include "base/json_fwd.h"

namespace hadal {

// The exit code of a run that a signal stopped: --resume continues it. A run that ended by itself or by --max-steps
// has 0.
inline constexpr int kExitStopped = 3;

// Ctrl-C, SIGTERM and SIGHUP (the terminal was closed) set the flag: the run saves and stops after the step. Ctrl-C or
// SIGTERM a second time ends the process as usual (the last checkpoint is whole); a closed terminal may send SIGHUP
// twice, itself and through its shell. A run continues when its output is closed.
const std::atomic<bool>& stop_on_signals();

// Every step takes and frees the same large blocks. Returned to the system they would come again as pages to be
// cleared, which costs a tenth of a step.
void keep_freed_memory();

void say(const std::string& line);             // to standard error; a closed one is no reason to fail
bool print_report(const OrderedJson& report);  // to standard output; false: nobody reads it, which is logged

}  // namespace hadal
