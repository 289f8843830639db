// The supervisor is two processes, so that nothing that it started survives it. The worker does all the work; the
// watch, whose number the backend knows, passes signals on to it. Where one of them is killed, the other kills what is
// left and writes the end. Both adopt what their descendants leave behind.
#include "cluster/supervisor.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cluster/supervisor/attempt_files.h"
#include "cluster/supervisor/processes.h"
#include "cluster/supervisor/worker.h"

namespace hadal::cluster {
namespace {

// Returns the exit code of the worker.
int watch_worker(pid_t worker, const Order& order, EndFile& file, const sigset_t& signals, double started,
                 const Stopwatch& since) {
  int status = 0;
  for (;;) {
    siginfo_t info;
    const int number = ::sigwaitinfo(&signals, &info);
    if (number == SIGCHLD && ::waitpid(worker, &status, WNOHANG) == worker) break;
    if (number != SIGUSR1 && number != SIGTERM && number != SIGINT) continue;
    ::kill(worker, number);
    ::kill(worker, SIGCONT);  // its program may have frozen it
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  kill_descendants();
  AttemptEnd end{.attempt = order.attempt, .code = 128 + SIGKILL, .why = "its supervisor was killed"};
  end.started = started;
  end.ended = unix_seconds();
  end.seconds = since.seconds();
  end.core_seconds = end.seconds * order.slots;
  file.write(end);
  return *end.code;
}

}  // namespace

int supervise(const Path& order_file) {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGCHLD}) ::sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);  // the backend has blocked them already: none is lost
  for (const int number : {SIGHUP, SIGPIPE, SIGXFSZ}) ::signal(number, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
  ::prctl(PR_SET_NAME, "hadal-supervise");
  const double started = unix_seconds();
  const Stopwatch since;

  const Order order = read_order(order_file);
  int lock = -1;  // stays open as long as this process and the worker are
  if (const std::string taken = take_attempt(order.folder, order.attempt, lock); !taken.empty()) {
    log_error("{}: {}; nothing was started", order.folder.string(), taken);
    return kTakenExit;
  }
  EndFile file(order.folder, order.attempt);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t watch = ::getpid(), worker = ::fork();
  if (worker == 0) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::prctl(PR_SET_PDEATHSIG, SIGUSR2);
    if (::getppid() != watch) ::raise(SIGUSR2);
    // Not by a return: nothing of the caller's may happen twice.
    ::_exit(run_program(order, file, watch, signals, started, since));
  }
  if (worker < 0) {
    file.write({.attempt = order.attempt, .why = fmt::format("cannot start a process: {}", std::strerror(errno))});
    return 1;
  }
  return watch_worker(worker, order, file, signals, started, since);
}

}  // namespace hadal::cluster
