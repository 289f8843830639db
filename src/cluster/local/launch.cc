#include "cluster/local/launch.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace hadal::cluster {
namespace {

// What went wrong in the child.
struct LaunchMistake {
  enum Step : int { note, cores, account, program } step = note;
  int reason = 0;
};

// All that the child needs, made before it is there: this program has threads, and in a child of theirs only system
// calls are safe.
struct ChildPlan {
  int program, report;
  bool change_account;
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;
  bool bind;
  cpu_set_t cores;
  std::string entrance;  // of the group; "": of none
  std::string note, note_file, note_temporary;
  char* const* arguments;
  char* const* environment;
};

[[noreturn]] void report_mistake(const ChildPlan& plan, LaunchMistake::Step step, int reason) {
  if (step != LaunchMistake::note) ::unlink(plan.note_file.c_str());
  const LaunchMistake mistake{step, reason};
  static_cast<void>(!::write(plan.report, &mistake, sizeof mistake));
  ::_exit(1);
}

void close_all_but(int a, int b) {
  const auto low = static_cast<unsigned>(std::min(a, b)), high = static_cast<unsigned>(std::max(a, b));
  if (low > 0) ::close_range(0, low - 1, 0);
  if (low + 1 < high) ::close_range(low + 1, high - 1, 0);
  ::close_range(high + 1, ~0u, 0);
}

[[noreturn]] void become_supervisor(const ChildPlan& plan) {
  close_all_but(plan.program, plan.report);  // at once: among them is the lock of the daemon, which may die now
  sigset_t held;
  ::sigemptyset(&held);
  ::sigaddset(&held, SIGUSR1);  // until the supervisor can take them
  ::sigaddset(&held, SIGTERM);
  ::sigprocmask(SIG_SETMASK, &held, nullptr);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  ::setsid();
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const int null = ::open("/dev/null", O_RDWR);
    if (null != fd) ::dup2(null, fd);
  }
  ::umask(022);
  static_cast<void>(!::chdir("/"));
  const int noted = write_own_note(plan.note_temporary.c_str(), plan.note_file.c_str(), plan.note.c_str());
  if (noted != 0) report_mistake(plan, LaunchMistake::note, noted);
  if (plan.bind && ::sched_setaffinity(0, sizeof plan.cores, &plan.cores) != 0)
    report_mistake(plan, LaunchMistake::cores, errno);
  if (!plan.entrance.empty()) {  // where that fails, memory is watched instead
    const int fd = ::open(plan.entrance.c_str(), O_WRONLY | O_CLOEXEC);
    static_cast<void>(!::write(fd, "0", 1));
    ::close(fd);
  }
  if (plan.change_account &&
      (::setgroups(plan.groups.size(), plan.groups.data()) != 0 || ::setresgid(plan.gid, plan.gid, plan.gid) != 0 ||
       ::setresuid(plan.uid, plan.uid, plan.uid) != 0))
    report_mistake(plan, LaunchMistake::account, errno);
  ::fexecve(plan.program, plan.arguments, plan.environment);
  report_mistake(plan, LaunchMistake::program, errno);
}

std::vector<gid_t> groups_of(const Account& account) {
  std::vector<gid_t> groups(64);
  for (;;) {
    int count = static_cast<int>(groups.size());
    const bool all = ::getgrouplist(account.user.c_str(), account.gid, groups.data(), &count) >= 0;
    groups.resize(static_cast<size_t>(count));
    if (all) return groups;
  }
}

}  // namespace

std::optional<pid_t> launch_supervisor(const Launch& launch) {
  const StartOrder& order = *launch.order;
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) fail("{}: cannot make a pipe: {}", order.name, std::strerror(errno));
  // Numbers above those of the standard streams, which the child takes anew.
  for (int& fd : report) {
    const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    ::close(fd);
    fd = high;
  }
  std::string words[] = {"hadal", "cluster", "supervise", order.order_file.string()};
  std::string path = "PATH=/usr/local/bin:/usr/bin:/bin";
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  char* environment[] = {path.data(), nullptr};
  ChildPlan plan{.program = launch.program,
                 .report = report[1],
                 .change_account = ::geteuid() == 0,
                 .uid = order.account.uid,
                 .gid = order.account.gid,
                 .groups = {},
                 .bind = !launch.note.cores.empty(),
                 .cores = {},
                 .entrance = "",
                 .note = note_beginning(launch.note),
                 .note_file = note_file(launch.notes, order.name).string(),
                 .note_temporary = "",
                 .arguments = arguments,
                 .environment = environment};
  if (!launch.note.group.empty()) plan.entrance = (launch.note.group / "supervisor" / "cgroup.procs").string();
  CPU_ZERO(&plan.cores);
  for (const int core : launch.note.cores) CPU_SET(core, &plan.cores);
  if (plan.change_account) plan.groups = groups_of(order.account);
  static int number = 0;  // this process's own temporary file, whichever child comes to it when
  plan.note_temporary = plan.note_file + fmt::format(".{}.{}.tmp", ::getpid(), ++number);

  // All signals wait, so that no handler of this program's runs in the child.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t child = ::fork();
  if (child == 0) become_supervisor(plan);
  const int reason = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(report[1]);
  LaunchMistake mistake;
  ssize_t size = 0;
  if (child > 0) {
    do size = ::read(report[0], &mistake, sizeof mistake);
    while (size < 0 && errno == EINTR);
  }
  ::close(report[0]);
  if (child < 0) fail("{}: cannot start a process: {}", order.name, std::strerror(reason));
  if (size <= 0) return child;
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  switch (mistake.step) {
    case LaunchMistake::note:
      if (mistake.reason == EEXIST) return {};
      fail("{}: cannot write: {}", plan.note_file, std::strerror(mistake.reason));
    case LaunchMistake::cores:
      fail("{}: cannot be bound to its cores: {}", order.name, std::strerror(mistake.reason));
    case LaunchMistake::account:
      fail("{}: cannot run as {}: {}", order.name, order.account.user, std::strerror(mistake.reason));
    case LaunchMistake::program:
      break;
  }
  fail("{}: cannot start its supervisor: {}", order.name, std::strerror(mistake.reason));
}

}  // namespace hadal::cluster
