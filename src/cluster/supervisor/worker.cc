#include "cluster/supervisor/worker.h"

#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <exception>
#include <limits>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/supervisor/log_keeper.h"
#include "cluster/supervisor/memory_group.h"
#include "cluster/supervisor/processes.h"
#include "cluster/supervisor/program.h"

namespace hadal::cluster {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

std::string seconds_text(double seconds) {
  if (seconds >= 7200) return fmt::format("{:g} h", std::round(seconds / 36) / 100);
  if (seconds >= 120) return fmt::format("{:g} min", std::round(seconds / .6) / 100);
  return fmt::format("{:g} s", seconds);
}

std::string bytes_text(int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib >= 1024 ? fmt::format("{:.4g} GiB", mib / 1024) : fmt::format("{:.4g} MiB", mib);
}

class Worker {
 public:
  Worker(const Order& order, pid_t watch, const sigset_t& signals, const Stopwatch& since)
      : order_(order),
        watch_(watch),
        since_(since),
        log_(order.folder, static_cast<size_t>(std::max<int64_t>(order.log_bytes, 0))),
        masker_(order.environment),
        buffer_(1 << 18, '\0'),
        signals_(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC)) {
    if (signals_ < 0) fail("cannot watch signals: {}", ::strerror(errno));
    if (order.time_limit_s > 0) time_limit_at_ = order.time_limit_s;
    if (order.memory_bytes <= 0) return;
    group_ = MemoryGroup::make(order.name + ".program", order.memory_bytes);
    if (group_ == nullptr) look_at_memory_at_ = 1;
  }

  // Fills how it ended.
  void run(AttemptEnd& end) {
    program_ = start_program(order_, group_ ? group_->entrance() : -1);
    if (program_.id < 0) {
      end.code = program_.code;
      end.why = program_.mistake;
      log_.add(program_.mistake + "\n");
    } else {
      while (!ended_) step();
      end.code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
      end.why = why();
    }
    if (group_) group_->kill();
    if (const int left = kill_descendants(); left > 0)
      end.why +=
          fmt::format("; {} that it left behind {} killed", counted(left, "process"), left == 1 ? "was" : "were");
    while (program_.output >= 0 && read_output()) {
    }
    log_.add(masker_.rest());
    end.suspended = suspended_;
    end.stopped = stopped_;
    log_.finish();
  }

  void finish_log() { log_.finish(); }

 private:
  void step() {
    const double next = std::min({term_at_, kill_at_, time_limit_at_, look_at_memory_at_, since_.seconds() + 5});
    const double wait = std::max(0.0, next - since_.seconds());
    pollfd watched[] = {{signals_, POLLIN, 0}, {program_.output, POLLIN, 0}};
    ::poll(watched, 2, static_cast<int>(std::min(std::ceil(wait * 1000), 5000.0)));
    read_output();
    take_signals();
    keep_deadlines();
    log_.tick();
    for (int status = 0;;) {
      const pid_t id = ::waitpid(-1, &status, WNOHANG);  // also orphans
      if (id <= 0) break;
      if (id != program_.id) continue;
      ended_ = true;
      status_ = status;
    }
  }

  // False where there is nothing now.
  bool read_output() {
    const ssize_t count = ::read(program_.output, buffer_.data(), buffer_.size());
    if (count > 0) log_.add(masker_.pass({buffer_.data(), static_cast<size_t>(count)}));
    if (count == 0) ::close(std::exchange(program_.output, -1));  // nobody writes any more
    return count > 0;
  }

  void take_signals() {
    for (signalfd_siginfo info; ::read(signals_, &info, sizeof info) == sizeof info;) {
      if (info.ssi_signo == SIGUSR1 && !suspended_) {
        suspended_ = true;
        ::kill(program_.id, SIGUSR1);
        term_at_ = since_.seconds() + order_.grace_s;
      } else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
        stopped_ = true;
        terminate();
      } else if (info.ssi_signo == SIGUSR2 && ::getppid() != watch_) {
        kill_now("its supervisor was killed");
      }
    }
  }

  void keep_deadlines() {
    const double now = since_.seconds();
    if (now >= time_limit_at_) {
      time_limit_at_ = kNever;
      stopped_ = true;
      cause_ = fmt::format("time limit of {}", seconds_text(order_.time_limit_s));
      terminate();
    }
    if (now >= term_at_) {
      if (cause_.empty()) cause_ = fmt::format("had not saved {} after SIGUSR1", seconds_text(order_.grace_s));
      terminate();
    }
    if (now >= kill_at_) kill_now(fmt::format("killed {} after SIGTERM", seconds_text(order_.kill_after_s)));
    if (now >= look_at_memory_at_) {
      look_at_memory_at_ = now + 1;
      look_at_memory();
    }
  }

  // To its group; also to what is frozen.
  void terminate() {
    term_at_ = kNever;
    if (terminated_) return;
    terminated_ = true;
    kill_at_ = since_.seconds() + order_.kill_after_s;
    ::kill(-program_.id, SIGTERM);
    ::kill(-program_.id, SIGCONT);
  }

  void kill_now(const std::string& why) {
    kill_at_ = kNever;
    if (killed_.empty()) killed_ = why;
    ::kill(program_.id, SIGKILL);  // the others when it is gone
  }

  void look_at_memory() {
    const std::vector<ProcessFacts> all = descendants();
    int64_t resident = 0;
    for (const ProcessFacts& process : all) resident += process.resident;
    if (resident <= order_.memory_bytes) return;
    // That counted files that are mapped, and twice what is shared.
    const int64_t bytes = private_memory(all);
    if (bytes <= order_.memory_bytes) return;
    kill_now(fmt::format("memory above {}: {} in {}", bytes_text(order_.memory_bytes), bytes_text(bytes),
                         counted(static_cast<int64_t>(all.size()), "process")));
  }

  std::string why() const {
    const int signal = WIFSIGNALED(status_) ? WTERMSIG(status_) : 0;
    std::string text = signal == 0 ? fmt::format("exit code {}", WEXITSTATUS(status_))
                                   : fmt::format("signal {} ({})", signal, ::strsignal(signal));
    if (signal == SIGKILL && !killed_.empty()) text = killed_;
    if (signal == SIGKILL && group_ && group_->exceeded())
      text = fmt::format("memory above {} (its control group)", bytes_text(order_.memory_bytes));
    return cause_.empty() ? text : cause_ + "; " + text;
  }

  const Order& order_;
  const pid_t watch_;
  const Stopwatch& since_;
  LogKeeper log_;
  Masker masker_;
  std::unique_ptr<MemoryGroup> group_;  // none: its memory is watched
  std::string buffer_;
  int signals_;
  Program program_;
  bool ended_ = false, suspended_ = false, stopped_ = false, terminated_ = false;
  int status_ = 0;
  std::string cause_, killed_;  // why it was asked to end, and why it was killed
  double term_at_ = kNever, kill_at_ = kNever, time_limit_at_ = kNever, look_at_memory_at_ = kNever;
};

}  // namespace

int run_program(const Order& order, EndFile& file, pid_t watch, const sigset_t& signals, double started,
                const Stopwatch& since) {
  AttemptEnd end{.attempt = order.attempt, .started = started};
  const auto write_end = [&] {
    end.ended = unix_seconds();
    end.seconds = since.seconds();
    end.core_seconds = end.seconds * order.slots;
    file.write(end);
    return end.code.value_or(1);
  };
  try {
    Worker worker(order, watch, signals, since);
    worker.run(end);
    const int code = write_end();
    worker.finish_log();  // where the disk was full before
    return code;
  } catch (const std::exception& error) {
    kill_descendants();
    end.why = fmt::format("its supervisor failed: {}", error.what());
    log_error("{}", end.why);
    return write_end();
  }
}

}  // namespace hadal::cluster
