#include "cli/training_process.h"

#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/options.h"

namespace hadal {
namespace {

std::atomic<bool> stopped = false;
bool at_terminal = false;

// A step or a validation may take a while before the run stops.
void stop(int signal) {
  constexpr char kNote[] = "\nstopping: what is underway ends first, and is saved; Ctrl-C again ends at once\n";
  stopped = true;
  const int before = errno;
  if (signal == SIGINT && at_terminal && ::write(STDERR_FILENO, kNote, sizeof kNote - 1) < 0) errno = before;
}

}  // namespace

const std::atomic<bool>& stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = stop;
  at_terminal = ::isatty(STDERR_FILENO) != 0;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction before {};
  sigaction(SIGHUP, nullptr, &before);
  action.sa_flags = SA_RESTART;
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);  // nohup
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is an error of the write, as a full disk is
  return stopped;
}

void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

void say(const std::string& line) { std::fwrite(line.data(), 1, line.size(), stderr); }

bool print_report(const OrderedJson& report) {
  try {
    print_json(report);
    return true;
  } catch (const Error& error) {
    log_error("{}", error.what());
    return false;
  }
}

}  // namespace hadal
