// The local backend with real supervisors: this program is one where it is called as one (testing/supervisor_main.h).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/rng.h"
#include "base/text.h"
#include "cluster/backend.h"
#include "cluster/supervisor/memory_group.h"
#include "cluster/testing/supervised.h"

namespace hadal::cluster {
namespace {

using hadal::test::error_of;
using hadal::test::ScratchFolder;
using test::shell_order;
using test::text_of;
using test::wait_until;
using State = Sighting::State;

Account own_account() {
  const passwd* entry = ::getpwuid(::geteuid());
  return {entry != nullptr ? entry->pw_name : "nobody", ::geteuid(), ::getegid()};
}

// Attempts of one cluster below a folder, and the backend that a daemon would have.
class LocalBackendTest : public ::testing::Test {
 protected:
  void SetUp() override { restart(); }
  void TearDown() override {
    for (const Sighting& sighting : backend_->look()) {
      backend_->stop(sighting.name, sighting.backend_id);
      wait_for_end(sighting.name);
    }
  }

  void restart() { backend_ = local_backend({.cluster = "test", .folder = folder_ / "notes", .slots = slots_}); }

  StartOrder prepared(int run, const std::string& script, int attempt = 1, int slots = 1) {
    const Path folder = folder_ / fmt::format("r{}", run);
    std::filesystem::create_directories(folder);
    Order order = shell_order(folder, script, attempt);
    order.name = fmt::format("hadal-test-r{}-{}", run, attempt);
    order.run = run;
    order.slots = slots;
    StartOrder start;
    start.name = order.name;
    start.run = run;
    start.attempt = attempt;
    start.order_file = folder_ / (order.name + ".order");
    start.folder = folder;
    start.account = own_account();
    start.size.slots = slots;
    write_order(start.order_file, order, start.account.uid, start.account.gid);
    return start;
  }
  std::optional<Sighting> seen(const std::string& name) {
    for (const Sighting& sighting : backend_->look())
      if (sighting.name == name) return sighting;
    return {};
  }
  void wait_for_end(const std::string& name) {
    wait_until([&] {
      const auto sighting = seen(name);
      return !sighting || sighting->state == State::ended;
    });
  }

  ScratchFolder folder_;
  int slots_ = 4096;  // more than there are cores: bound to none
  std::unique_ptr<Backend> backend_;
};

TEST_F(LocalBackendTest, StartsAndSeesTheEndAndForgetsIt) {
  const StartOrder order = prepared(1, "echo $PPID > parent; mkfifo go; read line < go; exit 6");
  const std::string id = backend_->start(order);
  EXPECT_EQ(backend_->start(order), id) << "it runs already";
  auto sighting = seen(order.name);
  ASSERT_TRUE(sighting);
  EXPECT_EQ(sighting->state, State::running);
  EXPECT_EQ(sighting->backend_id, id);
  EXPECT_EQ(sighting->nodes, std::vector<std::string>{backend_->nodes().at(0).name});
  wait_until([&] { return std::filesystem::exists(order.folder / "go"); });
  write_file_whole(order.folder / "go", "\n");
  wait_for_end(order.name);
  EXPECT_EQ(read_attempt_end(order.folder, 1)->code, 6);
  EXPECT_FALSE(seen(order.name)) << "was seen as ended";
  EXPECT_EQ(::waitpid(std::stoi(id), nullptr, WNOHANG), -1) << "it is no zombie";
}

TEST_F(LocalBackendTest, SuspendAndStopReachTheSupervisorAlsoAfterARestart) {
  const StartOrder saves = prepared(1, "trap 'echo saved; exit 3' USR1; echo > ready; sleep 1000 & wait");
  const StartOrder stops = prepared(2, "echo > ready; exec sleep 1000");
  for (const StartOrder& order : {saves, stops}) {
    backend_->start(order);
    wait_until([&] { return std::filesystem::exists(order.folder / "ready"); });
  }
  restart();
  ASSERT_EQ(seen(saves.name)->state, State::running);
  backend_->suspend(saves.name, "");
  wait_for_end(saves.name);
  EXPECT_EQ(read_attempt_end(saves.folder, 1)->code, 3);
  EXPECT_TRUE(read_attempt_end(saves.folder, 1)->suspended);
  EXPECT_EQ(seen(stops.name)->state, State::running) << "the other was not asked";
  backend_->stop(stops.name, "");
  wait_for_end(stops.name);
  EXPECT_TRUE(read_attempt_end(stops.folder, 1)->stopped);
  backend_->stop(stops.name, "");  // again, and what never was: nothing happens
  backend_->suspend("hadal-test-r9-1", "");
}

TEST_F(LocalBackendTest, ASignalRightAfterTheStartIsNotLost) {
  for (int run = 1; run <= 5; ++run) {
    const StartOrder order = prepared(run, "exec sleep 1000");
    backend_->start(order);
    backend_->suspend(order.name, "");
    wait_for_end(order.name);
    const auto end = read_attempt_end(order.folder, 1);
    ASSERT_TRUE(end);
    EXPECT_TRUE(end->suspended);
  }
}

TEST_F(LocalBackendTest, ASupervisorThatWasKilledIsSeen) {
  const StartOrder order = prepared(1, "echo $PPID > worker; exec sleep 1000");
  const pid_t watch = std::stoi(backend_->start(order));
  wait_until([&] { return text_of(order.folder / "worker").ends_with('\n'); });
  ::kill(watch, SIGKILL);
  wait_for_end(order.name);
  EXPECT_HAS(read_attempt_end(order.folder, 1)->why, "its supervisor was killed");

  const StartOrder both = prepared(2, "echo $PPID > worker; exec sleep 1000");
  const pid_t other = std::stoi(backend_->start(both));
  wait_until([&] { return text_of(both.folder / "worker").ends_with('\n'); });
  ::kill(other, SIGSTOP);
  ::kill(std::stoi(text_of(both.folder / "worker")), SIGKILL);
  ::kill(other, SIGKILL);
  wait_for_end(both.name);
  EXPECT_EQ(seen(both.name)->words, "its supervisor is gone and left no exit.json");
  EXPECT_EQ(seen(both.name)->state, State::ended) << "is not forgotten at once";
  EXPECT_EQ(backend_->start(both), std::to_string(other)) << "nor started again";
  EXPECT_EQ(seen(both.name)->state, State::ended);
}

// Numbers of processes are given again; a machine that was started anew gives them again from the beginning.
TEST_F(LocalBackendTest, AStrangerWithTheSameNumberIsLeftAlone) {
  const StartOrder order = prepared(1, "exit 0");
  backend_->start(order);
  wait_until([&] { return read_attempt_end(order.folder, 1).has_value(); });
  Process stranger({.command = {"sleep", "1000"}});
  const Path note = folder_ / "notes" / (order.name + ".json");
  std::string text = read_file(note);
  const size_t at = text.find("\"process\":");
  text.replace(at, text.find(',', at) - at, fmt::format("\"process\":{}", stranger.id()));
  write_file_whole(note, text);
  restart();
  backend_->stop(order.name, "");
  EXPECT_EQ(seen(order.name)->state, State::ended);
  EXPECT_FALSE(stranger.wait_for(50));
}

TEST_F(LocalBackendTest, ANoteOfAnotherBootIsAnEnd) {
  const StartOrder order = prepared(1, "exec sleep 1000");
  const pid_t id = std::stoi(backend_->start(order));
  const Path note = folder_ / "notes" / (order.name + ".json");
  const std::string before = read_file(note);
  std::string text = before;
  const size_t at = text.find("\"boot\":\"") + 8;
  text[at] = text[at] == '0' ? '1' : '0';
  write_file_whole(note, text);
  restart();
  EXPECT_EQ(seen(order.name)->state, State::ended);
  backend_->stop(order.name, "");
  EXPECT_EQ(::kill(id, 0), 0);
  write_file_whole(note, before);
  restart();
}

// A daemon that is killed at any moment, ten times: each attempt runs once, and the next daemon finds it.
TEST_F(LocalBackendTest, TenKillsLoseAndRepeatNothing) {
  constexpr int kRuns = 16;
  std::vector<StartOrder> orders;
  for (int run = 1; run <= kRuns; ++run) {
    orders.push_back(prepared(run, "echo $$ >> started; read line < go; echo >> ended"));
    ASSERT_EQ(::mkfifo((orders.back().folder / "go").c_str(), 0600), 0);
  }
  Rng rng(::getpid());
  std::map<std::string, std::string> ids;
  for (int kill = 0; kill < 10; ++kill) {
    const pid_t daemon = ::fork();
    if (daemon == 0) {
      restart();
      for (const StartOrder& order : orders) backend_->start(order);
      ::_exit(0);
    }
    const timespec pause{0, static_cast<long>(rng.below(40'000'000))};
    ::nanosleep(&pause, nullptr);
    ::kill(daemon, SIGKILL);
    ::waitpid(daemon, nullptr, 0);
    restart();
    for (const Sighting& sighting : backend_->look()) {  // what was found stays what it is
      EXPECT_EQ(sighting.state, State::running);
      EXPECT_EQ(ids.try_emplace(sighting.name, sighting.backend_id).first->second, sighting.backend_id);
    }
  }
  for (const StartOrder& order : orders) {
    const std::string id = backend_->start(order);
    EXPECT_EQ(ids.try_emplace(order.name, id).first->second, id);
  }
  EXPECT_EQ(backend_->look().size(), orders.size());
  for (const StartOrder& order : orders) {
    EXPECT_EQ(seen(order.name)->state, State::running);
    const int go = ::open((order.folder / "go").c_str(), O_WRONLY | O_CLOEXEC);  // waits for the job
    EXPECT_EQ(::write(go, "\n", 1), 1);
    ::close(go);
  }
  for (const StartOrder& order : orders) {
    wait_for_end(order.name);
    EXPECT_EQ(read_attempt_end(order.folder, 1)->code, 0);
    EXPECT_EQ(split(text_of(order.folder / "started"), '\n').size(), 2u) << "one line";
    EXPECT_EQ(text_of(order.folder / "ended"), "\n");
  }
}

// By a control group where there may be one, by watching elsewhere; as root under another user.
TEST_F(LocalBackendTest, MemoryIsLimited) {
  StartOrder start = prepared(1, "mkfifo f; exec 3<>f; dd if=/dev/zero of=f bs=40M 2>/dev/null & wait; exit 5");
  if (const passwd* nobody = ::getpwnam("nobody"); ::geteuid() == 0 && nobody != nullptr)
    start.account = {"nobody", nobody->pw_uid, nobody->pw_gid};
  ASSERT_EQ(::chown(start.folder.c_str(), start.account.uid, start.account.gid), 0);
  Order order = read_order(start.order_file);
  order.memory_bytes = start.size.memory_bytes = 20 << 20;
  write_order(start.order_file, order, start.account.uid, start.account.gid);
  backend_->start(start);
  wait_for_end(start.name);
  const auto end = read_attempt_end(start.folder, 1);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->code, 137);
  EXPECT_HAS(end->why, "memory above 20 MiB");
  EXPECT_FALSE(seen(start.name));
  if (const auto group = MemoryGroup::make("hadal-test", 20 << 20)) {
    EXPECT_HAS(end->why, "(its control group)");
    EXPECT_FALSE(std::filesystem::exists(group->folder().parent_path() / start.name)) << "nothing is left of it";
  }
}

class LocalCoresTest : public LocalBackendTest {
 protected:
  void SetUp() override {
    cpu_set_t set;
    ASSERT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
    slots_ = CPU_COUNT(&set);
    LocalBackendTest::SetUp();
  }
  std::string cores_of(const StartOrder& order) {
    std::string text;
    wait_until([&] { return (text = text_of(order.folder / "cores")).ends_with('\n'); });
    return text;
  }
};

TEST_F(LocalCoresTest, EachRunHasCoresOfItsOwnAlsoAfterARestart) {
  const std::string script = "grep Cpus_allowed_list: /proc/self/status > cores; exec sleep 1000";
  std::set<std::string> all;
  for (int run = 1; run <= std::min(slots_, 4); ++run) {
    const StartOrder order = prepared(run, script);
    backend_->start(order);
    const std::string cores = cores_of(order);
    EXPECT_EQ(cores.find_first_of(",-"), std::string::npos) << cores;
    EXPECT_TRUE(all.insert(cores).second) << cores << " is given twice";
    restart();
  }
  // Where one ends, its core is free again.
  const std::string name = "hadal-test-r1-1";
  const std::string cores = text_of(folder_ / "r1" / "cores");
  backend_->stop(name, "");
  wait_for_end(name);
  const StartOrder next = prepared(9, script);
  backend_->start(next);
  EXPECT_EQ(cores_of(next), cores);
}

TEST_F(LocalBackendTest, WhatCannotBeStartedIsSaid) {
  StartOrder order = prepared(1, "exit 0");
  std::filesystem::remove_all(order.folder);
  EXPECT_HAS(error_of([&] { backend_->start(order); }), "r1: the folder of its run is not there");
  EXPECT_TRUE(backend_->look().empty());
  EXPECT_HAS(
      error_of([&] { local_backend({.cluster = "test", .folder = folder_ / "notes", .program = "/no/such/program"}); }),
      "/no/such/program");
  write_file_whole(folder_ / "text", "no program");
  ::chmod((folder_ / "text").c_str(), 0755);
  order = prepared(2, "exit 0");
  const auto backend = local_backend({.cluster = "test", .folder = folder_ / "notes", .program = folder_ / "text"});
  EXPECT_HAS(error_of([&] { backend->start(order); }), "cannot start its supervisor");
  EXPECT_TRUE(backend->look().empty()) << "no note of what was not started";
}

TEST_F(LocalBackendTest, NothingIsConcludedWithoutItsNotes) {
  std::filesystem::rename(folder_ / "notes", folder_ / "away");
  EXPECT_HAS(error_of([&] { backend_->look(); }), "put the folder back");
  std::filesystem::rename(folder_ / "away", folder_ / "notes");
  EXPECT_TRUE(backend_->look().empty());
}

TEST_F(LocalBackendTest, WithoutRootOnlyTheOwnUserRuns) {
  StartOrder order = prepared(1, "exit 0");
  order.account = {"somebody", 4242, 4242};
  ::chmod(folder_.path().c_str(), 0777);
  const pid_t child = ::fork();  // which root can make a user of
  if (child == 0) {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    const auto backend = local_backend({.cluster = "test", .folder = folder_ / "users", .slots = 1});
    const std::string error = error_of([&] { backend->start(order); });
    ::_exit(error.find("without root") != std::string::npos && error.find("somebody") != std::string::npos ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(LocalBackendTest, AsRootARunIsItsUsers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to run as another user";
  const passwd* nobody = ::getpwnam("nobody");
  if (nobody == nullptr) GTEST_SKIP() << "needs a user nobody";
  ::setenv("HADAL_TEST_LEAK", "1", 1);
  StartOrder order = prepared(1, "id -u; id -G; umask; env | grep -c HADAL_TEST; pwd; echo > made");
  ::unsetenv("HADAL_TEST_LEAK");
  order.account = {"nobody", nobody->pw_uid, nobody->pw_gid};
  ASSERT_EQ(::chown(order.folder.c_str(), nobody->pw_uid, nobody->pw_gid), 0);
  write_order(order.order_file, read_order(order.order_file), nobody->pw_uid, nobody->pw_gid);
  backend_->start(order);
  wait_for_end(order.name);
  EXPECT_EQ(text_of(order.folder / "log"),
            fmt::format("{}\n{}\n0022\n0\n{}\n", nobody->pw_uid, nobody->pw_gid, order.folder.string()));
  for (const char* name : {"made", "log", "attempt", "attempts/1/exit.json"}) {
    struct stat status {};
    ASSERT_EQ(::stat((order.folder / name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_uid, nobody->pw_uid) << name;
    EXPECT_EQ(status.st_gid, nobody->pw_gid) << name;
  }
}

}  // namespace
}  // namespace hadal::cluster
