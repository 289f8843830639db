// What goes wrong on nodes, and runs over several of them. Minutes: ./test full.
#include <gtest/gtest.h>
#include <signal.h>

#include "base/process.h"
#include "base/testing/scratch.h"
#include "machine.h"

namespace hadal::cluster {
namespace {

using State = Sighting::State;

bool is_up(Backend& backend, const std::string& name) {
  for (const PolicyNode& node : backend.nodes())
    if (node.name == name) return node.up;
  return false;
}

// Slurm calls the node lost while the process computes on: its attempt is another's by then, so that the late one may
// not begin again, nor hold what the new one has.
TEST(SlurmFaults, ANodeThatIsLostComputesOn) {
  const std::unique_ptr<Backend> backend = new_backend();
  ASSERT_TRUE(wait_until([&] { return all_up(*backend); }));
  TestRun run(1);
  const StartOrder first = run.order(counting_program(), {{"n4", 1}});
  backend->start(first);
  ASSERT_TRUE(wait_until([&] { return run.lines("ticks").size() > 3; }));
  kill_daemon("slurmd.n4", SIGKILL);
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, first.name, State::lost); }));
  const Sighting lost = *find_sighting(backend->look(), first.name);
  EXPECT_EQ(lost.words.substr(0, 9), "NODE_FAIL");
  EXPECT_EQ(lost.nodes, std::vector<std::string>{"n4"});
  EXPECT_FALSE(is_up(*backend, "n4"));
  const size_t ticks = run.lines("ticks").size();
  EXPECT_TRUE(wait_until([&] { return run.lines("ticks").size() > ticks; })) << "it is said to be lost, and runs";
  EXPECT_FALSE(run.end());

  const StartOrder second = run.order(counting_program(), {{"n1", 1}});
  backend->start(second);
  ASSERT_TRUE(wait_until([&] { return run.lines("started").size() == 2; })) << run.text("supervisor.log");
  EXPECT_EQ(run.lines("started")[1].substr(0, 2), "2 ");
  // A second start of the attempt that is lost: the fence holds.
  EXPECT_EQ(run_command({program(), "cluster", "supervise", first.order_file}), 4);

  // The node comes back, and Slurm ends what it had given up.
  start_node("n4");
  ASSERT_TRUE(wait_until([&] { return is_up(*backend, "n4"); }));
  EXPECT_TRUE(wait_until([&] {
    const std::vector<std::string> all = run.lines("ticks");
    return std::find(all.end() - std::min<ptrdiff_t>(20, static_cast<ptrdiff_t>(all.size())), all.end(), "1") ==
           all.end();
  })) << "the first attempt goes on";
  EXPECT_TRUE(has_state(*backend, second.name, State::running));
  backend->stop(second.name, "");
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, second.name, State::ended); }));
  EXPECT_EQ(run.lines("started").size(), 2u);
}

TEST(SlurmFaults, ANodeThatIsFrozenAndComesBack) {
  const std::unique_ptr<Backend> backend = new_backend();
  ASSERT_TRUE(wait_until([&] { return all_up(*backend); }));
  TestRun run(10), next(11);
  const StartOrder order = run.order(counting_program(), {{"n3", 1}});
  backend->start(order);
  ASSERT_TRUE(wait_until([&] { return !run.text("ticks").empty(); }));
  kill_daemon("slurmd.n3", SIGSTOP);
  ASSERT_TRUE(wait_until([&] { return !is_up(*backend, "n3"); }));
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, order.name, State::lost); }));
  kill_daemon("slurmd.n3", SIGCONT);
  ASSERT_TRUE(wait_until([&] { return is_up(*backend, "n3"); }));
  const StartOrder other = next.order({"true"}, {{"n3", 1}});
  backend->start(other);
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, other.name, State::ended); }));
  EXPECT_TRUE(next.end() && next.end()->code == 0);
}

TEST(SlurmFaults, AControllerThatIsFrozen) {
  const std::unique_ptr<Backend> backend = new_backend();
  ASSERT_TRUE(wait_until([&] { return all_up(*backend); }));
  TestRun run(20);
  const StartOrder order = run.order(counting_program(), {{"n1", 1}});
  kill_daemon("slurmctld", SIGSTOP);
  // What was sent while it is frozen may be done when it wakes: still it is one job.
  EXPECT_THROW(backend->start(order), Error);
  EXPECT_THROW(backend->look(), Error);
  kill_daemon("slurmctld", SIGCONT);
  ASSERT_TRUE(wait_until([&] { return !backend->start(order).empty(); }));
  ASSERT_TRUE(
      wait_until([&] { return has_state(*backend, order.name, State::running) && !run.text("started").empty(); }));
  backend->stop(order.name, "");
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, order.name, State::ended); }));
  EXPECT_EQ(run.lines("started").size(), 1u);
}

// Slurm writes down every few seconds what it took. Killed before, it ends on the nodes what it does not know, and
// begins again what it took for waiting: whichever it is, the program begins once, and the attempt runs or is lost.
TEST(SlurmFaults, AControllerThatForgets) {
  const std::unique_ptr<Backend> backend = new_backend();
  ASSERT_TRUE(wait_until([&] { return all_up(*backend); }));
  for (int round = 0; round < 4; ++round) {
    TestRun run(40 + round);
    const StartOrder order = run.order(counting_program(), {{"n2", 1}});
    backend->start(order);
    ASSERT_TRUE(wait_until([&] { return !run.text("started").empty(); }));
    backend->look();
    kill_daemon("slurmctld", SIGKILL);
    start_controller();
    ASSERT_TRUE(wait_until([&] { return all_up(*backend); }));
    // Until nothing changes any more: it is lost, or runs on for longer than Slurm takes to end it.
    const size_t ticks = run.lines("ticks").size();
    ASSERT_TRUE(wait_until([&] {
      return has_state(*backend, order.name, State::lost) || run.lines("ticks").size() > ticks + 50;
    })) << run.text("supervisor.log");
    if (has_state(*backend, order.name, State::lost)) {
      EXPECT_FALSE(run.end());
    }
    const StartOrder next = run.order(counting_program(), {{"n3", 1}});
    backend->start(next);
    ASSERT_TRUE(wait_until([&] { return run.lines("started").size() == 2; })) << run.text("supervisor.log");
    EXPECT_EQ(run.lines("started")[1].substr(0, 2), "2 ");
    for (const std::string& name : {order.name, next.name}) backend->stop(name, "");
    ASSERT_TRUE(wait_until([&] { return has_state(*backend, next.name, State::ended); }));
    EXPECT_EQ(run.lines("started").size(), 2u);
  }
}

TEST(SlurmFaults, RanksThroughMpirun) {
  std::string version;
  try {
    run_command({"mpirun", "--version"}, &version);
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  const std::unique_ptr<Backend> backend = new_backend();
  ASSERT_TRUE(wait_until([&] { return all_up(*backend); }));
  TestRun run(30);
  const std::vector<Place> places = {{"n1", 2}, {"n2", 2}};
  const std::vector<std::string> rank = {
      "sh", "-c",
      "trap 'echo saved >saved.$OMPI_COMM_WORLD_RANK; exit 3' USR1; echo $OMPI_COMM_WORLD_SIZE >>ranks; "
      "while :; do sleep .1; done"};
  const StartOrder order = run.order(mpi_command(places, rank), places, {.slots = 2, .nodes = 2});
  backend->start(order);
  ASSERT_TRUE(wait_until([&] { return run.text("ranks") == "4\n4\n4\n4\n"; })) << run.text("log");
  EXPECT_EQ(find_sighting(backend->look(), order.name)->nodes, (std::vector<std::string>{"n1", "n2"}));
  for (const PolicyNode& node : backend->nodes()) EXPECT_EQ(node.foreign_slots, 0) << node.name;
  backend->suspend(order.name, "");
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, order.name, State::ended); }));
  for (int at = 0; at < 4; ++at) EXPECT_EQ(run.text("saved." + std::to_string(at)), "saved\n") << run.text("log");
  ASSERT_TRUE(run.end());
  EXPECT_EQ(run.end()->code, 3) << run.text("log");
  EXPECT_TRUE(run.end()->suspended);
}

}  // namespace
}  // namespace hadal::cluster
