#include "cluster/supervisor/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/error.h"

extern "C" {  // glibc 2.36 forgot to say so
#include <sys/pidfd.h>
}

namespace hadal::cluster {
namespace {

// A file of /proc, which has no size before it is read. "" where it is gone.
std::string proc_text(const char* path) {
  std::string text;
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(count));
  ::close(fd);
  return text;
}

// "Pss_Anon:      12 kB" -> 12288; 0 where the line is not there.
int64_t kilobytes(const std::string& text, const char* key) {
  const size_t at = text.find(key);
  return at == std::string::npos ? 0 : std::strtoll(text.c_str() + at + std::strlen(key), nullptr, 10) * 1024;
}

}  // namespace

std::optional<ProcessFacts> process_facts(pid_t id) {
  const std::string text = proc_text(fmt::format("/proc/{}/stat", id).c_str());
  const size_t name_end = text.rfind(')');  // the name before it may hold anything
  if (name_end == std::string::npos) return {};
  ProcessFacts facts{.id = id};
  unsigned long long start = 0;
  long long pages = 0;
  const int found =
      std::sscanf(text.c_str() + name_end + 1,
                  " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu %*u %lld",
                  &facts.state, &facts.parent, &facts.group, &start, &pages);
  if (found != 5) return {};
  facts.start = start;
  facts.resident = pages * ::sysconf(_SC_PAGESIZE);
  return facts;
}

std::string boot_id() {
  std::string text = proc_text("/proc/sys/kernel/random/boot_id");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::vector<ProcessFacts> descendants() {
  std::unordered_map<pid_t, std::vector<ProcessFacts>> children;
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return {};
  while (const dirent* entry = ::readdir(proc)) {
    const pid_t id = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (id <= 0) continue;
    if (const auto facts = process_facts(id)) children[facts->parent].push_back(*facts);
  }
  ::closedir(proc);
  std::vector<ProcessFacts> found;
  std::vector<pid_t> parents{::getpid()};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const ProcessFacts& child : std::exchange(children[parent], {})) {  // once: no circles where numbers changed
      found.push_back(child);
      parents.push_back(child.id);
    }
  }
  return found;
}

bool signal_process(pid_t id, uint64_t start, int signal) {
  const int fd = ::pidfd_open(id, 0);
  if (fd < 0) return false;
  const auto facts = process_facts(id);  // behind pidfd_open(): if it is the one now, the descriptor is its own
  const bool sent = facts && facts->start == start && ::pidfd_send_signal(fd, signal, nullptr, 0) == 0;
  ::close(fd);
  return sent;
}

int64_t private_memory(const std::vector<ProcessFacts>& processes) {
  int64_t bytes = 0;
  for (const ProcessFacts& process : processes) {
    std::string text = proc_text(fmt::format("/proc/{}/smaps_rollup", process.id).c_str());
    if (text.find("Pss_Anon:") != std::string::npos) {
      bytes += kilobytes(text, "Pss_Anon:") + kilobytes(text, "Pss_Shmem:");
      continue;
    }
    text = proc_text(fmt::format("/proc/{}/status", process.id).c_str());
    bytes += kilobytes(text, "RssAnon:") + kilobytes(text, "RssShmem:");
  }
  return bytes;
}

int kill_descendants() {
  std::set<std::pair<pid_t, uint64_t>> killed;
  const pid_t own_group = ::getpgrp();
  bool again = false;
  for (int64_t wait_ns = 200'000;; wait_ns = std::min<int64_t>(wait_ns * 2, 50'000'000), again = true) {
    std::set<pid_t> groups;
    for (const ProcessFacts& process : descendants()) {
      if (process.state == 'Z') continue;
      if (signal_process(process.id, process.start, SIGKILL)) killed.emplace(process.id, process.start);
      if (process.group != own_group) groups.insert(process.group);
    }
    // What forks and ends faster than we read cannot fork away from a signal to its group. All of a group that is not
    // our own are descendants, for the program began a session.
    for (const pid_t group : groups)
      if (again && group > 1) ::kill(-group, SIGKILL);
    pid_t ended = 0;
    while ((ended = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (ended < 0 && errno == ECHILD) return static_cast<int>(killed.size());
    const timespec pause{0, wait_ns};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace hadal::cluster
