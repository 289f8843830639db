#include "base/process.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

extern "C" {  // glibc 2.36 forgot to say so
#include <sys/pidfd.h>
}

namespace hadal {
namespace {

void close_all(std::initializer_list<int*> fds) {
  for (int* fd : fds) {
    if (*fd >= 0) ::close(*fd);
    *fd = -1;
  }
}

// The file actions and attributes of posix_spawn(), freed at the end.
struct Plan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int theirs[3] = {-1, -1, -1};
  explicit Plan(bool own_session) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    // The leader of a session leads a group of its own too.
    const int leads = own_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setflags(&attributes, static_cast<short>(leads | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }
  ~Plan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    close_all({&theirs[0], &theirs[1], &theirs[2]});
  }

  // Returns this process's end of a pipe, or -1.
  int connect(const ProcessStream& stream, int fd, const std::string& who) {
    const bool reads = fd == STDIN_FILENO;
    int ours = -1;
    if (stream.kind == ProcessStream::Kind::inherit) return -1;
    if (stream.kind == ProcessStream::Kind::pipe) {
      int ends[2];
      if (::pipe2(ends, O_CLOEXEC) != 0) fail("{}: cannot make a pipe: {}", who, std::strerror(errno));
      theirs[fd] = ends[reads ? 0 : 1];
      ours = ends[reads ? 1 : 0];
    } else {
      const std::string path = stream.kind == ProcessStream::Kind::null ? "/dev/null" : stream.path.string();
      theirs[fd] = ::open(path.c_str(), O_CLOEXEC | (reads ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND), stream.mode);
      if (theirs[fd] < 0) fail("{}: cannot open {}: {}", who, path, std::strerror(errno));
    }
    ::posix_spawn_file_actions_adddup2(&actions, theirs[fd], fd);
    return ours;
  }
};

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& more) {
  std::vector<std::string> all;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view entry = *at;
    bool replaced = false;
    for (const auto& [name, value] : more) replaced |= entry.starts_with(name + "=");
    if (!replaced) all.emplace_back(entry);
  }
  for (const auto& [name, value] : more) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// While it lives, writing to a pipe that nobody reads gives EPIPE alone: a SIGPIPE of this thread waits, and is taken
// away at the end unless one waited before.
class SigpipeHeld {
 public:
  SigpipeHeld() {
    ::sigemptyset(&only_);
    ::sigaddset(&only_, SIGPIPE);
    sigset_t waiting;
    ::sigpending(&waiting);
    waited_ = ::sigismember(&waiting, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &only_, &before_);
  }
  ~SigpipeHeld() {
    const int error = errno;
    const timespec now{};
    while (!waited_ && ::sigtimedwait(&only_, nullptr, &now) < 0 && errno == EINTR) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }
  SigpipeHeld(const SigpipeHeld&) = delete;
  SigpipeHeld& operator=(const SigpipeHeld&) = delete;

 private:
  sigset_t only_, before_;
  bool waited_ = false;
};

std::string read_from(int fd, size_t limit, const std::string& who) {
  HADAL_CHECK(fd >= 0, "{}: this stream is no pipe", who);
  std::string bytes(limit, '\0');
  ssize_t count = 0;
  do count = ::read(fd, bytes.data(), limit);
  while (count < 0 && errno == EINTR);
  if (count < 0) fail("{}: cannot read what it writes: {}", who, std::strerror(errno));
  bytes.resize(static_cast<size_t>(count));
  return bytes;
}

}  // namespace

std::string ProcessEnd::text() const {
  return signal == 0 ? fmt::format("exit code {}", code) : fmt::format("signal {} ({})", signal, ::strsignal(signal));
}

Process::Process(const ProcessOptions& options) {
  HADAL_CHECK(!options.command.empty());
  name_ = options.command.front();
  std::vector<std::string> command = options.command, environment = environment_with(options.environment);
  Plan plan(options.own_session);
  int error = 0;
  try {
    input_ = plan.connect(options.input, STDIN_FILENO, name_);
    output_ = plan.connect(options.output, STDOUT_FILENO, name_);
    error_ = plan.connect(options.error, STDERR_FILENO, name_);
    ::posix_spawn_file_actions_addclosefrom_np(&plan.actions, 3);  // files and sockets of this process stay its own
    if (!options.folder.empty()) ::posix_spawn_file_actions_addchdir_np(&plan.actions, options.folder.c_str());
    error = ::posix_spawnp(&id_, command[0].c_str(), &plan.actions, &plan.attributes, pointers(command).data(),
                           pointers(environment).data());
    if (error != 0)
      fail("{}: cannot be started{}: {}", name_,
           options.folder.empty() ? "" : fmt::format(" in {}", options.folder.string()), std::strerror(error));
  } catch (...) {
    close_all({&input_, &output_, &error_});
    throw;
  }
  watch_ = ::pidfd_open(id_, 0);
}

Process::~Process() {
  if (id_ > 0) {
    stop(0);
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED) != 0 && errno == EINTR) {
    }
  }
  close_all({&watch_, &input_, &output_, &error_});
}

std::optional<ProcessEnd> Process::wait_for(int64_t timeout_ms) {
  if (end_) return end_;
  HADAL_CHECK(id_ > 0, "{}: was detached", name_);
  if (timeout_ms != 0 && watch_ >= 0) {
    pollfd watched{watch_, POLLIN, 0};
    while (::poll(&watched, 1, timeout_ms < 0 ? -1 : static_cast<int>(std::min<int64_t>(timeout_ms, INT32_MAX))) < 0 &&
           errno == EINTR) {
    }
  }
  siginfo_t info{};
  const int how = WEXITED | WNOWAIT | (timeout_ms >= 0 ? WNOHANG : 0);  // reaped by the destructor
  while (::waitid(P_PID, static_cast<id_t>(id_), &info, how) != 0) {
    if (errno == EINTR) continue;
    fail("{}: cannot wait for it: {}", name_, std::strerror(errno));
  }
  if (info.si_pid == 0) return std::nullopt;
  end_ = info.si_code == CLD_EXITED ? ProcessEnd{info.si_status, 0} : ProcessEnd{0, info.si_status};
  return end_;
}

ProcessEnd Process::wait() { return *wait_for(-1); }

void Process::signal(int number) {
  if (!end_ && id_ > 0) ::kill(-id_, number);
}

ProcessEnd Process::stop(int64_t grace_ms) {
  if (!end_) {
    if (grace_ms > 0) signal(SIGTERM);
    wait_for(grace_ms);
  }
  ::kill(-id_, SIGKILL);  // also what it started and left behind
  return wait();
}

void Process::detach() { id_ = -1; }

size_t Process::write_bytes(std::string_view text) {
  HADAL_CHECK(input_ >= 0, "{}: its input is no pipe", name_);
  const SigpipeHeld held;
  for (;;) {
    const ssize_t count = ::write(input_, text.data(), text.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) fail("{}: cannot write to it: {}", name_, std::strerror(errno));
  }
}

void Process::write(std::string_view text) {
  while (!text.empty()) text.remove_prefix(write_bytes(text));
}

// What poll() calls writable takes so many bytes at once.
size_t Process::write_some(std::string_view text) { return write_bytes(text.substr(0, PIPE_BUF)); }

void Process::close_input() { close_all({&input_}); }

std::string Process::read(size_t limit) {
  std::string bytes = read_from(output_, limit, name_);
  output_ended_ |= bytes.empty();
  return bytes;
}

std::string Process::read_error(size_t limit) {
  std::string bytes = read_from(error_, limit, name_);
  error_ended_ |= bytes.empty();
  return bytes;
}

Process::Ready Process::wait_ready(bool to_write, int64_t timeout_ms) const {
  // poll() leaves out what is negative.
  pollfd pipes[] = {{to_write ? input_ : -1, POLLOUT, 0},
                    {output_ended_ ? -1 : output_, POLLIN, 0},
                    {error_ended_ ? -1 : error_, POLLIN, 0}};
  const auto timeout = static_cast<int>(std::clamp<int64_t>(timeout_ms, 0, INT32_MAX));
  if (::poll(pipes, std::size(pipes), timeout) < 0) {
    if (errno != EINTR) fail("{}: cannot wait for its pipes: {}", name_, std::strerror(errno));
    return {};  // the caller knows how long it wants to wait
  }
  return {pipes[0].revents != 0, pipes[1].revents != 0, pipes[2].revents != 0};
}

}  // namespace hadal
