// The working half of a supervisor: starts the program of an order, and stays until nothing of it is left.
#pragma once

#include <signal.h>

#include "base/clock.h"
#include "cluster/supervisor.h"
#include "cluster/supervisor/attempt_files.h"

namespace hadal::cluster {

// Returns the exit code, after the end was written. `signals` are blocked; SIGUSR2 comes when `watch`, its parent, is
// gone. Throws nothing.
int run_program(const Order& order, EndFile& file, pid_t watch, const sigset_t& signals, double started,
                const Stopwatch& since);

}  // namespace hadal::cluster
