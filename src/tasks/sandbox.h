// A program that is not trusted, under bubblewrap. It sees this system's files, read-only, and none of /tmp, /run and
// /dev/shm, which are its own; it has no network, no other processes, none of this process's environment but PATH, and
// limits on memory, processor time, processes and what it writes. It dies with the thread that started it, and with it
// all that it started.
//
// Run by root it gets another user id (nobody's) and of root's powers only that of reading files; else it is the user's
// own, without any power. Nothing runs without a sandbox: where there is none, there is an Error that says what to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/process.h"

namespace hadal::tasks {

struct SandboxSpec {
  std::string who;                   // begins errors: "reason.toml:12: verifier"
  std::vector<std::string> command;  // the program, looked up in PATH where it has no slash, and its arguments
  Path folder = ".";                 // to run in; what lies in it is seen, also below /tmp. Not above /tmp or /run
  int64_t memory_mb = 1024;          // of addresses, a process
  int64_t cpu_seconds = 600;         // a process
  int64_t processes = 64;            // and threads, of this user in sandboxes
  int64_t disk_mb = 64;              // of /tmp, which is memory; and of /dev/shm
};

// What starts it in a sandbox, its three streams being pipes. Error where bubblewrap is not installed, or the folder is
// not there or cannot be shown.
ProcessOptions sandboxed(const SandboxSpec& spec);

// Tries it: Error where the kernel lets nobody make a sandbox, or where the program cannot be found in it.
void check_sandbox(const SandboxSpec& spec);

}  // namespace hadal::tasks
