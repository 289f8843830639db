// Attempts on this machine, each under a supervisor that belongs to no daemon.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "cluster/backend.h"
#include "cluster/local/launch.h"
#include "cluster/local/notes.h"
#include "cluster/supervisor.h"
#include "cluster/supervisor/attempt_files.h"
#include "cluster/supervisor/memory_group.h"
#include "cluster/supervisor/processes.h"

namespace hadal::cluster {
namespace {

constexpr double kForgetSeconds = 3600;  // what ended without an exit.json

std::vector<int> cores_of_this_process() {
  cpu_set_t set;
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) fail("cannot count the cores: {}", std::strerror(errno));
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  return cores;
}

std::string name_of_this_machine() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

class LocalBackend : public Backend {
 public:
  explicit LocalBackend(const LocalOptions& options)
      : notes_(options.folder), cores_(cores_of_this_process()), node_(name_of_this_machine()), boot_(boot_id()) {
    slots_ = options.slots > 0 ? options.slots : static_cast<int>(cores_.size());
    std::filesystem::create_directories(options.folder);
    std::filesystem::permissions(options.folder, std::filesystem::perms::owner_all);
    // Held from now on: what is started later is this program, also when its file was replaced.
    const Path program = options.program.empty() ? Path("/proc/self/exe") : options.program;
    const int opened = ::open(program.c_str(), O_PATH | O_CLOEXEC);
    if (opened < 0) fail("{}: cannot open: {}", program.string(), std::strerror(errno));
    program_ = ::fcntl(opened, F_DUPFD_CLOEXEC, 3);  // never the number of a standard stream
    ::close(opened);
  }
  ~LocalBackend() override {
    reap();
    ::close(program_);
  }
  LocalBackend(const LocalBackend&) = delete;
  LocalBackend& operator=(const LocalBackend&) = delete;

  std::vector<PolicyNode> nodes() override {
    PolicyNode node{.name = node_, .slots = slots_};
    node.memory_bytes = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
    return {node};
  }

  std::string start(const StartOrder& order) override {
    if (const uid_t own = ::geteuid(); own != 0 && order.account.uid != own)
      fail("{}: this daemon runs without root, as user {}: it can start nothing as {} (user {}); start it as root",
           order.name, own, order.account.user, order.account.uid);
    std::error_code error;
    if (!std::filesystem::is_directory(order.folder, error))
      fail("{}: the folder of its run is not there", order.folder.string());
    if (const LocalNote* note = note_of(order.name)) return std::to_string(note->process);
    Launch launch{.program = program_, .order = &order, .notes = notes_.folder(), .note = {}};
    launch.note = {.name = order.name, .run_folder = order.folder, .attempt = order.attempt, .boot = boot_};
    launch.note.cores = free_cores(order);
    if (order.size.memory_bytes > 0 && ::geteuid() == 0) launch.note.group = give_group(order.name, order.account.uid);
    try {
      if (const auto process = launch_supervisor(launch)) {
        children_.insert(*process);
        return std::to_string(*process);
      }
    } catch (const Error&) {
      if (!launch.note.group.empty()) take_group_back(launch.note.group);
      throw;
    }
    // The child of a daemon that was killed was faster. Its note is whole.
    if (const LocalNote* note = note_of(order.name)) return std::to_string(note->process);
    fail("{}: cannot be read", note_file(notes_.folder(), order.name).string());
  }

  void suspend(const std::string& name, const std::string&) override { send(name, SIGUSR1); }
  void stop(const std::string& name, const std::string&) override { send(name, SIGTERM); }

  std::vector<Sighting> look() override {
    reap();
    std::vector<Sighting> all;
    for (const auto& [name, note] : notes_.read()) {
      Sighting sighting{.name = name, .backend_id = std::to_string(note.process), .nodes = {node_}};
      if (is_alive(note)) {
        sighting.words = "running";
      } else {
        const auto [seen, first] = ends_seen_.try_emplace(name, since_.seconds());
        const bool has_end = read_attempt_end(note.run_folder, note.attempt).has_value();
        if (!first && (has_end || since_.seconds() - seen->second > kForgetSeconds)) {
          if (!note.group.empty()) take_group_back(note.group);
          notes_.remove(name);
          ends_seen_.erase(seen);
          continue;
        }
        sighting.state = Sighting::State::ended;
        sighting.words = has_end ? "ended" : "its supervisor is gone and left no exit.json";
      }
      all.push_back(std::move(sighting));
    }
    return all;
  }

 private:
  // Both halves of its supervisor count: one that lost the other cleans up.
  bool is_alive(const LocalNote& note) const {
    if (note.boot != boot_) return false;
    const auto facts = process_facts(note.process);
    if (facts && facts->start == note.start && facts->state != 'Z' && facts->state != 'X') return true;
    return attempt_held(note.run_folder, note.attempt);
  }

  const LocalNote* note_of(const std::string& name) {
    const auto& notes = notes_.read();
    const auto note = notes.find(name);
    return note == notes.end() ? nullptr : &note->second;
  }

  void send(const std::string& name, int signal) {
    const LocalNote* note = note_of(name);
    if (note == nullptr || note->boot != boot_) return;
    signal_process(note->process, note->start, signal);
    signal_process(note->process, note->start, SIGCONT);  // its own program may have frozen it
  }

  // None where slots are more than cores, or where not enough are free.
  std::vector<int> free_cores(const StartOrder& order) {
    if (slots_ > static_cast<int>(cores_.size())) return {};
    int wanted = 0;
    for (const Place& place : order.places) wanted += place.slots;
    if (wanted == 0) wanted = order.size.nodes > 0 && order.size.slots == 0 ? slots_ : order.size.slots;
    std::set<int> taken;
    for (const auto& [name, note] : notes_.read())
      if (!note.cores.empty() && is_alive(note)) taken.insert(note.cores.begin(), note.cores.end());
    std::vector<int> free;
    for (const int core : cores_)
      if (static_cast<int>(free.size()) < wanted && !taken.contains(core)) free.push_back(core);
    return static_cast<int>(free.size()) == wanted ? free : std::vector<int>();
  }

  void reap() {
    std::erase_if(children_, [](pid_t child) { return ::waitpid(child, nullptr, WNOHANG) != 0; });
  }

  LocalNotes notes_;
  std::vector<int> cores_;
  std::string node_, boot_;
  int slots_ = 0, program_ = -1;
  std::set<pid_t> children_;
  std::map<std::string, double> ends_seen_;  // when, by since_
  Stopwatch since_;
};

}  // namespace

std::unique_ptr<Backend> local_backend(const LocalOptions& options) { return std::make_unique<LocalBackend>(options); }

}  // namespace hadal::cluster
