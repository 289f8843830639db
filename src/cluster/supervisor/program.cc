#include "cluster/supervisor/program.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>

#include "base/error.h"

namespace hadal::cluster {
namespace {

// "NAME=value". The order's, and what a program cannot do without.
std::vector<std::string> environment_of(const Order& order) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; std::getenv("SLURM_JOB_ID") != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.starts_with("SLURM_")) all[std::string(text.substr(0, text.find('=')))] = text.substr(text.find('=') + 1);
  }
  for (const auto& [name, value] : order.environment) all[name] = value;
  all.try_emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
  if (const passwd* account = ::getpwuid(::geteuid())) {
    all.try_emplace("HOME", account->pw_dir);
    all.try_emplace("USER", account->pw_name);
    all.try_emplace("LOGNAME", account->pw_name);
  }
  std::vector<std::string> entries;
  for (const auto& [name, value] : all) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// What went wrong between fork() and the program.
struct StartMistake {
  enum Step : int { group, folder, cores, program } step = program;
  int reason = 0;
};

[[noreturn]] void give_up(int report, StartMistake::Step step) {
  const StartMistake mistake{step, errno};
  static_cast<void>(!::write(report, &mistake, sizeof mistake));
  ::_exit(127);
}

// The machine's memory is short: the kernel shall take the program, not its supervisor.
void offer_to_oom_killer() {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  static_cast<void>(!::write(fd, "500", 3));
  ::close(fd);
}

}  // namespace

Program start_program(const Order& order, int entrance) {
  std::vector<std::string> command = order.command, environment = environment_of(order);
  const std::vector<char*> arguments = pointers_to(command);
  std::vector<char*> variables = pointers_to(environment);
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (const int core : order.cores)
    if (core >= 0 && core < CPU_SETSIZE) CPU_SET(core, &cores);

  Program program;
  int output[2], report[2];
  const auto failed = [&](const char* what, int reason, int code) {
    program.mistake = fmt::format("{}: {}: {}", order.command[0], what, std::strerror(reason));
    program.code = code;
    return program;
  };
  if (::pipe2(output, O_CLOEXEC) != 0) return failed("cannot make a pipe", errno, 126);
  if (::pipe2(report, O_CLOEXEC) != 0) return failed("cannot make a pipe", errno, 126);
  ::fcntl(output[1], F_SETPIPE_SZ, 1 << 20);
  const pid_t parent = ::getpid(), child = ::fork();
  if (child == 0) {
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // it died before
    offer_to_oom_killer();
    if (entrance >= 0 && ::write(entrance, "0", 1) != 1) give_up(report[1], StartMistake::group);
    if (!order.cores.empty() && ::sched_setaffinity(0, sizeof cores, &cores) != 0)
      give_up(report[1], StartMistake::cores);
    if (::chdir(order.folder.c_str()) != 0) give_up(report[1], StartMistake::folder);
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, STDIN_FILENO);
    ::dup2(output[1], STDOUT_FILENO);
    ::dup2(output[1], STDERR_FILENO);
    ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    environ = variables.data();  // whose PATH is to be searched
    ::execvp(arguments[0], arguments.data());
    give_up(report[1], StartMistake::program);
  }
  const int reason = errno;
  ::close(output[1]);
  ::close(report[1]);
  StartMistake mistake;
  ssize_t size = 0;
  if (child > 0) {
    do size = ::read(report[0], &mistake, sizeof mistake);
    while (size < 0 && errno == EINTR);
  }
  ::close(report[0]);
  if (child > 0 && size <= 0) {
    ::fcntl(output[0], F_SETFL, O_NONBLOCK);
    program.id = child;
    program.output = output[0];
    return program;
  }
  ::close(output[0]);
  while (child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (child < 0) return failed("cannot be started", reason, 126);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {  // else it would be seen as left behind
  }
  if (mistake.step == StartMistake::group) return failed("cannot get into its memory group", mistake.reason, 126);
  if (mistake.step == StartMistake::folder) return failed("cannot run in the run's folder", mistake.reason, 126);
  if (mistake.step == StartMistake::cores) return failed("cannot be bound to its cores", mistake.reason, 126);
  return failed("cannot be started", mistake.reason, mistake.reason == ENOENT ? 127 : 126);
}

}  // namespace hadal::cluster
