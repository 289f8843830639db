// What the tests of Slurm share: the Slurm that with_slurm.sh started, and runs with their attempts on it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "cluster/backend.h"
#include "cluster/supervisor.h"

namespace hadal::cluster {

inline constexpr const char* kClusterId = "c7";

Path slurm_folder();  // of the running Slurm
Path program();       // this test, which also is `PROGRAM cluster supervise ORDER`; every user may read it

// Its exit code; what it prints.
int run_command(const std::vector<std::string>& command, std::string* output = nullptr);

void kill_daemon(const std::string& name, int signal);  // "slurmctld", "slurmd.n4": by its pid file
void start_controller();
void start_node(const std::string& name);

// Asks ten times a second, for at most two minutes; false then. An Error is a "no".
bool wait_until(const std::function<bool()>& question);

std::unique_ptr<Backend> new_backend();  // as a restarted daemon makes one
bool all_up(Backend& backend);           // four nodes, proven

// One run, in its folder below the cluster's, of this user or another.
class TestRun {
 public:
  explicit TestRun(int64_t number, uid_t uid = ::getuid(), gid_t gid = ::getgid());
  // The next attempt: its order is written.
  StartOrder order(const std::vector<std::string>& command, std::vector<Place> places, Size size = {});
  const Path& folder() const { return folder_; }
  int attempt() const { return attempt_; }
  std::string text(const std::string& file) const;  // "" where it is missing
  std::vector<std::string> lines(const std::string& file) const;
  std::optional<AttemptEnd> end() const { return read_attempt_end(folder_, attempt_); }

 private:
  int64_t number_;
  uid_t uid_;
  gid_t gid_;
  Path folder_;
  int attempt_ = 0;
};

// Notes its attempt and process in `started`, counts in `ticks`; SIGUSR1: writes `saved` and ends with code 3.
std::vector<std::string> counting_program();

// None: not in the list.
std::optional<Sighting> find_sighting(const std::vector<Sighting>& all, const std::string& name);
bool has_state(Backend& backend, const std::string& name, Sighting::State state);

}  // namespace hadal::cluster
