// One pass through a real Slurm.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/log.h"
#include "base/testing/scratch.h"
#include "base/text.h"
#include "machine.h"

namespace hadal::cluster {
namespace {

using State = Sighting::State;
using test::error_of;

std::vector<std::string> jobs_named(const std::string& name) {
  std::string output;
  run_command({"squeue", "--noheader", "--states=all", "--name=" + name, "--format=%A %T"}, &output);
  std::vector<std::string> lines = split(output, '\n');
  lines.pop_back();
  return lines;
}

const PolicyNode& node_named(const std::vector<PolicyNode>& nodes, const std::string& name) {
  for (const PolicyNode& node : nodes)
    if (node.name == name) return node;
  fail("no node {}", name);
}

// An sbatch in front of the real one, for as long as it lives.
class OtherSbatch {
 public:
  explicit OtherSbatch(const std::string& body) : before_(std::getenv("PATH")) {
    std::string real;
    run_command({"sh", "-c", "command -v sbatch"}, &real);
    const Path folder = slurm_folder() / "other";
    std::filesystem::create_directories(folder);
    write_file_whole(folder / "sbatch", "#!/bin/sh\nreal=" + real + body);
    std::filesystem::permissions(folder / "sbatch", std::filesystem::perms(0755));
    ::setenv("PATH", (folder.string() + ":" + before_).c_str(), 1);
  }
  ~OtherSbatch() { ::setenv("PATH", before_.c_str(), 1); }

 private:
  std::string before_;
};

TEST(Slurm, OnePassWithItsControllerKilled) {
  std::unique_ptr<Backend> backend = new_backend();
  ASSERT_TRUE(wait_until([&] { return all_up(*backend); })) << "a job proves that a node sees the folder";
  const std::vector<PolicyNode> nodes = backend->nodes();
  EXPECT_EQ(nodes[0].name, "n1");
  EXPECT_EQ(nodes[0].slots, 2);
  EXPECT_EQ(nodes[0].memory_bytes, int64_t{2000} << 20);
  EXPECT_EQ(nodes[0].foreign_slots, 0);
  EXPECT_TRUE(backend->look().empty());

  TestRun one(1), two(2), three(3), four(4);
  const StartOrder first = one.order(counting_program(), {{"n1", 1}});
  const StartOrder second = two.order(counting_program(), {{"n2", 2}}, {.slots = 2});
  const StartOrder third = three.order(counting_program(), {{"n2", 1}});
  const std::string id = backend->start(first), second_id = backend->start(second);
  EXPECT_EQ(backend->start(first), id) << "started twice";
  ASSERT_TRUE(wait_until([&] { return !one.text("ticks").empty() && !two.text("ticks").empty(); }));
  const std::string third_id = backend->start(third);
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, third.name, State::waiting); })) << "its node is full";
  const Sighting seen = *find_sighting(backend->look(), first.name);
  EXPECT_EQ(seen.backend_id, id);
  EXPECT_EQ(seen.nodes, std::vector<std::string>{"n1"});
  EXPECT_EQ(seen.words, "RUNNING");

  // The controller dies, having written down what it knows (it does so every few seconds: what it had not written it
  // forgets, which is another test); jobs go on; nothing is concluded.
  ASSERT_TRUE(wait_until(
      [&] { return read_file(slurm_folder() / "state" / "job_state").find(third.name) != std::string::npos; }));
  kill_daemon("slurmctld", SIGKILL);
  ASSERT_TRUE(wait_until([&] { return !error_of([&] { backend->look(); }).empty(); }));
  EXPECT_HAS(error_of([&] { backend->look(); }), "Slurm");
  EXPECT_NE(error_of([&] { backend->nodes(); }), "");
  const StartOrder fourth = four.order(counting_program(), {{"n3", 1}});
  EXPECT_THROW(
      try { backend->start(fourth); } catch (const StartRefused&) { FAIL() << "an absent controller refuses nothing"; },
      Error);
  const size_t ticks = one.text("ticks").size();
  EXPECT_TRUE(wait_until([&] { return one.text("ticks").size() > ticks; }));
  start_controller();

  // And with it a new daemon: all is found again by name.
  backend = new_backend();
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, first.name, State::running); }));
  EXPECT_EQ(backend->start(first), id);
  EXPECT_EQ(backend->start(second), second_id);
  EXPECT_EQ(backend->start(third), third_id);
  ASSERT_TRUE(wait_until([&] { return !backend->start(fourth).empty(); }));
  EXPECT_TRUE(wait_until([&] { return all_up(*backend); }));
  EXPECT_EQ(jobs_named(fmt::format("hadal-{}-probe-n1", kClusterId)).size(), 1u) << "what was proven stays so";

  // Suspended: it saves. What had not begun never does. Stopped.
  backend->suspend(first.name, id);
  backend->stop(third.name, third_id);
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, first.name, State::ended); }));
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, third.name, State::ended); }));
  EXPECT_EQ(one.text("saved"), "saved\n");
  ASSERT_TRUE(one.end());
  EXPECT_TRUE(one.end()->suspended);
  EXPECT_EQ(one.end()->code, 3);
  EXPECT_EQ(three.text("started"), "");
  EXPECT_FALSE(three.end());
  backend->stop(second.name, second_id);
  ASSERT_TRUE(wait_until([&] { return !four.text("started").empty(); }));
  backend->stop(fourth.name, "");
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, second.name, State::ended); }));
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, fourth.name, State::ended); }));
  EXPECT_TRUE(two.end() && two.end()->stopped && !two.end()->suspended);
  EXPECT_TRUE(four.end() && four.end()->stopped);
  backend->stop(second.name, second_id);  // of one that ended: nothing

  // The next attempt resumes elsewhere; each attempt began once.
  const StartOrder again = one.order(counting_program(), {{"n4", 1}});
  backend->start(again);
  ASSERT_TRUE(wait_until([&] { return one.lines("started").size() == 2; }));
  backend->stop(again.name, "");
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, again.name, State::ended); }));
  for (const TestRun* run : {&two, &four}) EXPECT_EQ(run->lines("started").size(), 1u);
  EXPECT_EQ(jobs_named(first.name).size(), 1u);
}

TEST(Slurm, NeverStartsTwice) {
  const std::unique_ptr<Backend> backend = new_backend();
  TestRun run(20), other(21);
  const StartOrder order = run.order(counting_program(), {{"n1", 1}});
  std::string id;
  {
    // Slurm takes the job, and sbatch is killed before it says so.
    const OtherSbatch lost("\"$real\" \"$@\" >/dev/null; kill -KILL $$\n");
    id = backend->start(order);
  }
  EXPECT_EQ(backend->start(order), id);
  EXPECT_EQ(jobs_named(order.name).size(), 1u);
  const StartOrder twice = other.order(counting_program(), {{"n2", 1}});
  {
    // And here it takes it twice: the second waits for the first, and is cancelled when it is seen.
    const OtherSbatch doubled("\"$real\" \"$@\" >/dev/null; exec \"$real\" \"$@\"\n");
    backend->start(twice);
  }
  std::vector<std::string> jobs;
  ASSERT_TRUE(wait_until([&] {
    backend->look();
    jobs = jobs_named(twice.name);
    return jobs.size() == 2 && has_word(jobs[0] + " " + jobs[1], "CANCELLED") && !other.text("started").empty();
  })) << testing::PrintToString(jobs);
  EXPECT_TRUE(wait_until([&] { return has_state(*backend, twice.name, State::running); }));
  ASSERT_TRUE(wait_until([&] { return !run.text("started").empty(); }));  // Slurm loses a signal to what just begins
  backend->stop(order.name, id);
  backend->stop(twice.name, "");
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, order.name, State::ended); }));
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, twice.name, State::ended); }));
  EXPECT_EQ(run.lines("started").size(), 1u);
  EXPECT_EQ(other.lines("started").size(), 1u);
}

TEST(Slurm, OthersAndDrainedNodesCount) {
  const std::unique_ptr<Backend> backend = new_backend();
  ASSERT_TRUE(wait_until([&] { return all_up(*backend); }));
  // Somebody's job; and one that only has such a name as ours.
  const std::string theirs = fmt::format("hadal-{}-r7-1", kClusterId);
  for (const std::string& name : {std::string("theirs"), theirs})
    ASSERT_EQ(run_command({"sbatch", "--parsable", "--nodelist=n3", "--ntasks=1", "--mem=100M", "--job-name=" + name,
                           "--chdir=/tmp", "--output=/dev/null", "--wrap=exec sleep 1000"}),
              0);
  EXPECT_TRUE(wait_until([&] { return node_named(backend->nodes(), "n3").foreign_slots == 2; }));
  EXPECT_FALSE(find_sighting(backend->look(), theirs));
  EXPECT_EQ(node_named(backend->nodes(), "n2").foreign_slots, 0);
  run_command({"scancel", "--name=theirs"});
  run_command({"scancel", "--name=" + theirs});
  EXPECT_TRUE(wait_until([&] { return node_named(backend->nodes(), "n3").foreign_slots == 0; }));

  ASSERT_EQ(run_command({"scontrol", "update", "nodename=n4", "state=drain", "reason=memory"}), 0);
  EXPECT_TRUE(wait_until([&] { return !node_named(backend->nodes(), "n4").up; }));
  ASSERT_EQ(run_command({"scontrol", "update", "nodename=n4", "state=resume"}), 0);
  EXPECT_TRUE(wait_until([&] { return all_up(*backend); }));
}

TEST(Slurm, RefusesWhatCanNeverStart) {
  const std::unique_ptr<Backend> backend = new_backend();
  TestRun run(30), gone(31);
  EXPECT_THROW(backend->start(run.order({"true"}, {{"n1", 3}}, {.slots = 3})), StartRefused);
  const StartOrder order = gone.order({"true"}, {{"n1", 1}});
  std::filesystem::remove_all(gone.folder());
  EXPECT_HAS(error_of([&] { backend->start(order); }), "is not there");
  EXPECT_HAS(error_of([&] { backend->start(run.order({"true"}, {{"n9", 1}})); }), "no node n9");
  StartOrder outside = run.order({"true"}, {{"n1", 1}});
  outside.folder = "/tmp";
  EXPECT_HAS(error_of([&] { backend->start(outside); }), "is not below");
  EXPECT_HAS(error_of([&] { slurm_backend({.cluster = "a,b", .folder = slurm_folder(), .program = program()}); }),
             "expected letters");
}

TEST(Slurm, RunsAsTheUserWhoSubmitted) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may start jobs of others";
  constexpr uid_t kNobody = 65534;
  ::setenv("HADAL_SECRET_OF_THE_DAEMON", "hidden", 1);
  const std::unique_ptr<Backend> backend = new_backend();
  TestRun run(40, kNobody, kNobody);
  const StartOrder order = run.order({"sh", "-c", "id -u >who; env >environment"}, {{"n1", 1}});
  backend->start(order);
  ASSERT_TRUE(wait_until([&] { return has_state(*backend, order.name, State::ended); }));
  EXPECT_EQ(run.text("who"), "65534\n") << run.text("supervisor.log");
  EXPECT_EQ(run.text("environment").find("HADAL_SECRET_OF_THE_DAEMON"), std::string::npos);
  ASSERT_TRUE(run.end());
  EXPECT_EQ(run.end()->code, 0);
  // Whoever gives a job such a name in another's folder is nobody's.
  TestRun owned(41);
  ASSERT_EQ(run_command({"sbatch", "--parsable", "--uid=65534", "--gid=65534", "--export=NONE", "--nodelist=n1",
                         "--mem=100M", fmt::format("--job-name=hadal-{}-r41-1", kClusterId),
                         "--chdir=" + owned.folder().string(), "--output=/dev/null", "--wrap=exec sleep 1000"}),
            0);
  EXPECT_TRUE(wait_until([&] { return node_named(backend->nodes(), "n1").foreign_slots == 1; }));
  EXPECT_FALSE(find_sighting(backend->look(), fmt::format("hadal-{}-r41-1", kClusterId)));
  run_command({"scancel", "--user=nobody"});
}

}  // namespace
}  // namespace hadal::cluster
