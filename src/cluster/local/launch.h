// A supervisor started on this machine: a process of its own session that goes on without this one.
#pragma once

#include <sys/types.h>

#include <vector>

#include "cluster/backend.h"
#include "cluster/local/notes.h"

namespace hadal::cluster {

struct Launch {
  int program = -1;  // a descriptor of the program
  const StartOrder* order = nullptr;
  Path notes;
  LocalNote note;  // all but its process; with cores, it is bound to them; with a group, it enters that
};

// The process, a child of this one, once it has become the supervisor; none where the name has a note: it was started
// before. Error where it cannot be started, and then nothing was.
std::optional<pid_t> launch_supervisor(const Launch& launch);

}  // namespace hadal::cluster
