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

#include <map>
#include <set>

#include "base/rng.h"
#include "base/text.h"
#include "cluster/backend.h"
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
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no child is left, and no zombie";
}

}  // namespace
}  // namespace hadal::cluster
