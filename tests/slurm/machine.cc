#include "machine.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"

namespace hadal::cluster {

Path slurm_folder() { return std::getenv("HADAL_SLURM_DIR"); }

Path program() { return slurm_folder() / "program"; }

int run_command(const std::vector<std::string>& command, std::string* output) {
  ProcessOptions options{.command = command};
  options.output = {ProcessStream::Kind::pipe};
  Process process(options);
  std::string all;
  for (std::string bytes; !(bytes = process.read()).empty();) all += bytes;
  if (output != nullptr) *output = all;
  return process.wait().code;
}

void kill_daemon(const std::string& name, int signal) {
  const auto pid = static_cast<pid_t>(std::stol(read_file(slurm_folder() / "run" / (name + ".pid"))));
  ASSERT_EQ(::kill(pid, signal), 0);
  if (signal != SIGKILL) return;
  // Its port is free once it is gone; nobody but the first process may have to reap it.
  const auto gone = [&] {
    if (::kill(pid, 0) != 0) return true;
    const std::string status = read_file("/proc/" + std::to_string(pid) + "/stat");
    return status.find(") Z ") != std::string::npos;
  };
  ASSERT_TRUE(wait_until(gone));
}

void start_controller() { ASSERT_EQ(run_command({"slurmctld"}), 0); }

void start_node(const std::string& name) { ASSERT_EQ(run_command({"slurmd", "-N", name}), 0); }

bool wait_until(const std::function<bool()>& question) {
  for (const Stopwatch clock; clock.seconds() < 120;) {
    try {
      if (question()) return true;
    } catch (const Error&) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

std::unique_ptr<Backend> new_backend() {
  std::filesystem::create_directories(slurm_folder() / "cluster" / "runs");
  return slurm_backend({.cluster = kClusterId, .folder = slurm_folder() / "cluster", .program = program()});
}

bool all_up(Backend& backend) {
  int up = 0;
  for (const PolicyNode& node : backend.nodes()) up += node.up ? 1 : 0;
  return up == 4;
}

TestRun::TestRun(int64_t number, uid_t uid, gid_t gid)
    : number_(number), uid_(uid), gid_(gid), folder_(slurm_folder() / "cluster" / "runs" / run_name(number)) {
  std::filesystem::create_directories(folder_ / "attempts");
  for (const Path& path : {folder_, folder_ / "attempts"})
    if (::chown(path.c_str(), uid, gid) != 0) fail("{}: cannot be given to user {}", path.string(), uid);
}

StartOrder TestRun::order(const std::vector<std::string>& command, std::vector<Place> places, Size size) {
  ++attempt_;
  StartOrder start;
  start.name = fmt::format("hadal-{}-{}-{}", kClusterId, run_name(number_), attempt_);
  start.run = number_;
  start.attempt = attempt_;
  start.folder = folder_;
  start.order_file = folder_ / fmt::format("order{}.json", attempt_);
  start.account = {.user = "", .uid = uid_, .gid = gid_};
  start.size = size;
  start.places = std::move(places);

  Order order;
  order.name = start.name;
  order.run = number_;
  order.attempt = attempt_;
  order.folder = folder_;
  order.command = command;
  // Four nodes that are one machine: see the page about Slurm.
  order.environment = {{"HADAL_ATTEMPT", std::to_string(attempt_)},
                       {"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                       {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                       {"OMPI_MCA_plm", "^slurm"},
                       {"OMPI_MCA_ras", "^slurm"},
                       {"OMPI_MCA_rmaps_base_oversubscribe", "1"}};
  order.grace_s = 60;
  order.kill_after_s = 20;
  write_order(start.order_file, order, uid_, gid_);
  write_file_whole(folder_ / "attempt", std::to_string(attempt_) + "\n");
  return start;
}

std::string TestRun::text(const std::string& file) const {
  const Path path = folder_ / file;
  return std::filesystem::exists(path) ? read_file(path) : "";
}

std::vector<std::string> TestRun::lines(const std::string& file) const {
  std::vector<std::string> all = split(text(file), '\n');
  all.pop_back();
  return all;
}

std::vector<std::string> counting_program() {
  return {"sh", "-c",
          "trap 'echo saved >saved; exit 3' USR1; echo \"$HADAL_ATTEMPT $$ $(id -u)\" >>started; "
          "while :; do echo $HADAL_ATTEMPT >>ticks; sleep .1; done"};
}

std::optional<Sighting> find_sighting(const std::vector<Sighting>& all, const std::string& name) {
  for (const Sighting& one : all)
    if (one.name == name) return one;
  return std::nullopt;
}

bool has_state(Backend& backend, const std::string& name, Sighting::State state) {
  const std::optional<Sighting> found = find_sighting(backend.look(), name);
  return found && found->state == state;
}

}  // namespace hadal::cluster

// With_slurm.sh starts a Slurm for it, where none is there.
int main(int argc, char** argv) {
  using namespace hadal;
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 3 && words[0] == "cluster" && words[1] == "supervise") return cluster::supervise(words[2]);
  if (words.size() > 1 && words[0] == "slurm-config") {
    std::fputs(cluster::slurm_config({words.begin() + 1, words.end()}).c_str(), stdout);
    return 0;
  }
  if (std::getenv("HADAL_SLURM_DIR") == nullptr) {
    const std::string script = std::string(HADAL_SOURCE_DIR) + "/tests/slurm/with_slurm.sh";
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    std::vector<char*> command = {const_cast<char*>(script.c_str()), const_cast<char*>(self.c_str())};
    command.insert(command.end(), argv + 1, argv + argc + 1);
    ::execv(script.c_str(), command.data());
    std::fprintf(stderr, "%s: %s\n", script.c_str(), std::strerror(errno));
    return 1;
  }
  testing::InitGoogleTest(&argc, argv);
  if (testing::GTEST_FLAG(filter) == "*") testing::GTEST_FLAG(filter) = "-SlurmFaults.*";  // minutes: ./test full
  std::filesystem::copy_file("/proc/self/exe", cluster::program());
  set_log_level(LogLevel::error);
  return RUN_ALL_TESTS();
}
