// Processes as /proc shows them. A number alone says nothing, for it is given again: a process is its number and the
// time of its start, within one boot of the machine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hadal::cluster {

struct ProcessFacts {
  pid_t id = 0, parent = 0, group = 0;
  char state = ' ';      // Z: ended, and not yet asked for
  uint64_t start = 0;    // clock ticks since the boot
  int64_t resident = 0;  // bytes, with what is shared and what is mapped from files
};

std::optional<ProcessFacts> process_facts(pid_t id);
std::string boot_id();

// All below this process, children and theirs, in no order.
std::vector<ProcessFacts> descendants();

// False where it is not there any more, or may not be signalled.
bool signal_process(pid_t id, uint64_t start, int signal);

// What the processes hold that cannot be read again from files, in bytes; what several share counts once.
int64_t private_memory(const std::vector<ProcessFacts>& processes);

// Kills all below this process, which must be what orphans fall to (PR_SET_CHILD_SUBREAPER), and waits until they are
// gone. Returns how many there were.
int kill_descendants();

}  // namespace hadal::cluster
