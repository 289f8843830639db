#include "cli/training_process.h"

#include <malloc.h>

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

}  // namespace

const std::atomic<bool>& stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = true; };
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

void print_report(const OrderedJson& report) {
  try {
    print_json(report);
  } catch (const Error& error) {
    log_warning("{}", error.what());
  }
}

}  // namespace hadal
