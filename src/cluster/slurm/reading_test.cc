#include "cluster/slurm/reading.h"

#include <gtest/gtest.h>

#include "base/testing/scratch.h"

namespace hadal::cluster {
namespace {

using test::error_of;
using State = Sighting::State;

std::vector<std::string> nodes_of(const SlurmJob& job) {
  std::vector<std::string> nodes;
  for (const SlurmJob::Share& share : job.shares) nodes.push_back(share.node);
  return nodes;
}

// As 22.05.8 printed it, without the fields that are not read.
constexpr std::string_view kJobs2205 = R"({"meta": {"Slurm": {"release": "22.05.8"}}, "errors": [], "jobs": [
{"job_id": 1, "name": "hadal-c1-r1-1", "job_state": "RUNNING", "state_reason": "None", "user_id": 0,
 "current_working_directory": "/tmp", "exit_code": 0, "nodes": "n2", "cpus": 1, "job_resources": {"nodes": "n2",
 "allocated_cores": 1, "allocated_hosts": 1, "allocated_nodes": [{"sockets": {"0": {"cores": {"0": "allocated"}}},
 "nodename": "n2", "cpus_used": 0, "memory_used": 0, "memory_allocated": 100}]}},
{"job_id": 2, "name": "foreign", "job_state": "COMPLETING", "state_reason": "None", "user_id": 1000,
 "current_working_directory": "/home/a b", "exit_code": 19200, "nodes": "n1", "cpus": 2, "job_resources": {"nodes": "n1",
 "allocated_cores": 2, "allocated_hosts": 1, "allocated_nodes": [{"sockets": {"0": {"cores": {"0": "allocated"}},
 "1": {"cores": {"0": "allocated"}}}, "nodename": "n1", "cpus_used": 0, "memory_used": 0, "memory_allocated": 100}]}},
{"job_id": 3, "name": "hadal-c1-r2-1", "job_state": "RUNNING", "state_reason": "None", "user_id": 0,
 "current_working_directory": "/tmp", "exit_code": 0, "nodes": "n[2-3]", "cpus": 2, "job_resources": {"nodes": "n[2-3]",
 "allocated_cores": 2, "allocated_hosts": 2, "allocated_nodes": [{"sockets": {"1": {"cores": {"0": "allocated"}}},
 "nodename": "n2"}, {"sockets": {"0": {"cores": {"0": "allocated"}}}, "nodename": "n3"}]}},
{"job_id": 4, "name": "foreign2", "job_state": "PENDING", "state_reason": "Resources", "user_id": 0,
 "current_working_directory": "/tmp", "exit_code": 0, "nodes": "", "cpus": 2},
{"job_id": 5, "name": "hadal-c1-r3-1", "job_state": "FAILED", "state_reason": "JobLaunchFailure", "user_id": 0,
 "current_working_directory": "/tmp", "exit_code": 53, "nodes": "n1", "cpus": 1},
{"job_id": 6, "name": "hadal-c1-r4-1", "job_state": "NODE_FAIL", "state_reason": "NodeDown", "user_id": 0,
 "current_working_directory": "/tmp", "exit_code": 1, "nodes": "n4", "cpus": 1},
{"job_id": 7, "name": "hadal-c1-r5-1", "job_state": "FAILED", "state_reason": "BadConstraints", "user_id": 0,
 "current_working_directory": "/tmp", "exit_code": 1, "nodes": "", "cpus": 3}]})";

TEST(SlurmReading, JobsOf2205) {
  const std::vector<SlurmJob> jobs = read_jobs(kJobs2205);
  ASSERT_EQ(jobs.size(), 7u);
  EXPECT_EQ(jobs[0].id, 1);
  EXPECT_EQ(jobs[0].name, "hadal-c1-r1-1");
  EXPECT_EQ(jobs[0].state, State::running);
  EXPECT_EQ(jobs[0].words, "RUNNING");
  EXPECT_EQ(jobs[0].user, 0);
  EXPECT_TRUE(jobs[0].holds);
  EXPECT_EQ(jobs[1].state, State::running) << "the exit of a job lasts";
  EXPECT_EQ(jobs[1].words, "COMPLETING");
  EXPECT_TRUE(jobs[1].holds);
  EXPECT_EQ(jobs[1].folder, "/home/a b");
  EXPECT_EQ(jobs[1].signal, 0);
  EXPECT_EQ(jobs[1].code, 75);
  EXPECT_EQ(slots_on(jobs[1], {.name = "n1"}), 2);
  EXPECT_EQ(nodes_of(jobs[2]), (std::vector<std::string>{"n2", "n3"}));
  EXPECT_EQ(slots_on(jobs[2], {.name = "n3"}), 1);
  EXPECT_EQ(jobs[3].state, State::waiting);
  EXPECT_EQ(jobs[3].words, "PENDING (Resources)");
  EXPECT_FALSE(jobs[3].holds);
  EXPECT_TRUE(jobs[3].shares.empty());
  EXPECT_EQ(jobs[4].state, State::ended);
  EXPECT_EQ(jobs[4].signal, 53);
  EXPECT_EQ(jobs[5].state, State::lost);
  EXPECT_EQ(jobs[5].words, "NODE_FAIL (NodeDown)");
  EXPECT_EQ(nodes_of(jobs[5]), std::vector<std::string>{"n4"});
  EXPECT_TRUE(jobs[6].refused) << "sbatch was told that it can never run";
  EXPECT_FALSE(jobs[4].refused);
}

// The shapes of 23.02 and later: numbers are objects, states are lists, processors stand in an allocation.
TEST(SlurmReading, JobsOfLaterOnes) {
  const std::vector<SlurmJob> jobs = read_jobs(R"({"jobs": [
{"job_id": 7, "name": "hadal-c1-r5-2", "job_state": ["RUNNING"], "state_reason": "None", "user_id": 1000,
 "current_working_directory": "/share/runs/r5", "nodes": "g[01-02]", "cpus": {"set": true, "infinite": false, "number": 6},
 "exit_code": {"status": ["SUCCESS"], "return_code": {"set": true, "infinite": false, "number": 0},
 "signal": {"id": {"set": false, "infinite": false, "number": 0}, "name": ""}},
 "job_resources": {"select_type": ["CPU"], "nodes": {"count": 2, "select_type": ["AVAILABLE"], "list": "g[01-02]",
 "whole": false, "allocation": [{"index": 0, "name": "g01", "cpus": {"count": 4, "used": 0}, "memory": {"used": 0,
 "allocated": 1024}}, {"index": 1, "name": "g02", "cpus": {"count": 2, "used": 0}}]}, "cpus": 6}},
{"job_id": {"set": true, "infinite": false, "number": 8}, "name": "x", "job_state": ["FAILED", "COMPLETING"],
 "state_reason": "NonZeroExitCode", "user_id": {"set": true, "infinite": false, "number": 12},
 "nodes": "g03,g[05-06]", "cpus": {"set": true, "infinite": false, "number": 6},
 "exit_code": {"status": ["SIGNALED"], "return_code": {"set": false, "infinite": false, "number": 0}, "signal": {"id": {"set": true, "infinite": false, "number": 10}, "name": "USR1"}}},
{"job_id": 9, "name": "y", "job_state": ["NODE_FAIL"], "user_id": 5, "nodes": "g01"},
{"job_id": 10, "name": "z", "job_state": ["RUNNING", "SOMETHING_NEW"], "user_id": 5, "nodes": "g01"},
{"job_id": 11, "name": "z", "job_state": ["SUSPENDED"], "user_id": 5, "nodes": "g01", "cpus": 1}],
"warnings": [], "errors": []})");
  ASSERT_EQ(jobs.size(), 5u);
  EXPECT_EQ(jobs[0].state, State::running);
  const SlurmNode both_threads{.name = "g01", .slots = 32, .cpus_per_slot = 2};
  EXPECT_EQ(slots_on(jobs[0], both_threads), 2) << "four threads are two cores";
  EXPECT_EQ(slots_on(jobs[0], {.name = "g02"}), 2);
  EXPECT_EQ(jobs[1].id, 8);
  EXPECT_EQ(jobs[1].user, 12);
  EXPECT_EQ(jobs[1].state, State::running) << "it failed, and is still completing";
  EXPECT_EQ(jobs[1].signal, 10);
  EXPECT_EQ(nodes_of(jobs[1]), (std::vector<std::string>{"g03", "g05", "g06"}));
  EXPECT_EQ(slots_on(jobs[1], {.name = "g05"}), 2) << "without an allocation: evenly";
  EXPECT_EQ(jobs[2].state, State::lost);
  EXPECT_EQ(jobs[3].state, State::running) << "an unknown word concludes nothing";
  EXPECT_FALSE(jobs[4].holds);
}

TEST(SlurmReading, NodesOfAllOfThem) {
  struct Case {
    std::string_view state;
    bool up;
    std::string_view words;
  };
  const Case cases[] = {
      {R"("state": "idle", "state_flags": [])", true, "IDLE"},
      {R"("state": "mixed", "state_flags": [])", true, "MIXED"},
      {R"("state": "allocated", "state_flags": ["COMPLETING"])", true, "ALLOCATED+COMPLETING"},
      {R"("state": "idle", "state_flags": ["DRAIN"])", false, "IDLE+DRAIN"},
      {R"("state": "down", "state_flags": ["NOT_RESPONDING"])", false, "DOWN+NOT_RESPONDING"},
      {R"("state": "idle", "state_flags": ["NOT_RESPONDING"])", false, "IDLE+NOT_RESPONDING"},
      {R"("state": "unknown", "state_flags": [])", false, "UNKNOWN"},
      {R"("state": ["MIXED"])", true, "MIXED"},
      {R"("state": ["IDLE", "POWERED_DOWN"])", true, "IDLE+POWERED_DOWN"},
      {R"("state": ["IDLE", "RESERVED"])", false, "IDLE+RESERVED"},
      {R"("state": ["ALLOCATED", "DRAIN"])", false, "ALLOCATED+DRAIN"},
  };
  for (const Case& one : cases) {
    const std::vector<SlurmNode> nodes = read_nodes(
        fmt::format(R"({{"errors": [], "nodes": [{{"name": "n1", {}, "cpus": 2, "cores": 1, "sockets": 2, "threads": 1,
                        "real_memory": 2000, "partitions": ["hadal", "long"]}}]}})",
                    one.state));
    ASSERT_EQ(nodes.size(), 1u);
    EXPECT_EQ(nodes[0].up, one.up) << one.state;
    EXPECT_EQ(nodes[0].state, one.words);
    EXPECT_EQ(nodes[0].slots, 2);
    EXPECT_EQ(nodes[0].memory_mb, 2000);
    EXPECT_EQ(nodes[0].partitions, (std::vector<std::string>{"hadal", "long"}));
  }
}

TEST(SlurmReading, ASlotIsACore) {
  const auto node = [](std::string_view counts) {
    return read_nodes(fmt::format(R"({{"nodes": [{{"name": "n", "state": ["IDLE"], {}}}]}})", counts))[0];
  };
  const SlurmNode threads = node(R"("cpus": 64, "sockets": 2, "cores": 16, "threads": 2)");
  EXPECT_EQ(threads.slots, 32);
  EXPECT_EQ(threads.cpus_per_slot, 2);
  const SlurmNode cores = node(R"("cpus": 32, "sockets": 2, "cores": 16, "threads": 2)");
  EXPECT_EQ(cores.slots, 32) << "where only cores are counted";
  EXPECT_EQ(cores.cpus_per_slot, 1);
  EXPECT_EQ(node(R"("cpus": 64, "effective_cpus": 60, "sockets": 2, "cores": 16, "threads": 2)").slots, 30)
      << "some are kept for the system";
}

// A controller that does not answer: exit code 0 and an empty list, as 22.05.8 printed it.
TEST(SlurmReading, AnAbsentControllerIsNoEmptyList) {
  EXPECT_HAS(error_of([] {
               read_jobs(R"({"errors": [{"description": "Failed while looking for jobs", "error_number": -1,
                             "error": "Unspecified error", "source": "slurm_load_jobs"}], "jobs": []})");
             }),
             "Failed while looking for jobs");
  EXPECT_HAS(error_of([] { read_nodes(R"({"errors": [{"error": "Unspecified error", "errno": -1}], "nodes": []})"); }),
             "Unspecified error");
  EXPECT_HAS(error_of([] { read_jobs("slurm_load_jobs error"); }), "squeue");
  EXPECT_HAS(error_of([] { read_jobs("[]"); }), "expected a JSON object");
  EXPECT_HAS(error_of([] { read_jobs(R"({"jobs": 3})"); }), "no list");
  EXPECT_HAS(error_of([] { read_jobs(R"({"jobs": [{"name": "x"}]})"); }), "without job_id");
}

TEST(SlurmReading, EndsOfJobs) {
  const std::vector<SlurmJob> ends = read_job_ends(
      "JobId=4 UserId=root(0) GroupId=root(0) Name=lost JobState=FAILED Partition=hadal TimeLimit=525600 "
      "StartTime=2026-11-29T19:34:58 EndTime=2026-11-29T19:34:59 NodeList=n2 NodeCnt=1 ProcCnt=1 WorkDir=/nonesuch "
      "ReservationName= Tres=cpu=1,mem=100M,node=1,billing=1 Account= QOS= WcKey= Cluster=unknown DerivedExitCode=0:0 "
      "ExitCode=0:53 \n"
      "JobId=3 UserId=ann(1000) GroupId=ann(1000) Name=hadal-c-r1-1 JobState=CANCELLED NodeList=(null) WorkDir=/tmp "
      "ExitCode=0:0 \n"
      "JobId=9 UserId=eve(1001) GroupId=eve(1001) Name=hadal-c-r1-1 JobState=NODE_FAIL Name=x JobState=COMPLETED "
      "NodeList=n1 WorkDir=/tmp ExitCode=0:0 \n"
      "half a line JobId=5\nJobId=6 UserId=ann(1000) Name=hadal-c-r2-1 JobState=NODE_FAIL NodeList=n[1,3] WorkDir=/w "
      "ExitCode=1:0 \n");
  ASSERT_EQ(ends.size(), 3u);
  EXPECT_EQ(ends[0].signal, 53);
  EXPECT_EQ(ends[0].code, 0);
  EXPECT_EQ(ends[0].state, State::ended);
  EXPECT_EQ(ends[0].folder, "/nonesuch");
  EXPECT_EQ(ends[1].user, 1000);
  EXPECT_EQ(ends[1].words, "CANCELLED");
  EXPECT_TRUE(ends[1].shares.empty());
  EXPECT_EQ(ends[2].state, State::lost);
  EXPECT_EQ(nodes_of(ends[2]), (std::vector<std::string>{"n1", "n3"}));
}

TEST(SlurmReading, ListsOfHosts) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(expand_hosts("n1"), Names{"n1"});
  EXPECT_EQ(expand_hosts(""), Names{});
  EXPECT_EQ(expand_hosts("n[1-3,07],m"), (Names{"n1", "n2", "n3", "n07", "m"}));
  EXPECT_EQ(expand_hosts("n[08-11]"), (Names{"n08", "n09", "n10", "n11"}));
  EXPECT_EQ(expand_hosts("r[1-2]n[1-2]x"), (Names{"r1n1x", "r1n2x", "r2n1x", "r2n2x"}));
  for (const char* wrong : {"n[1-", "n]", "n[a-b]", "n[]", "n[3-1]", "n[1-99999999]", "n[1-9999][1-9999]", "n[1[2]]"})
    EXPECT_HAS(error_of([&] { expand_hosts(wrong); }), "list of hosts") << wrong;
}

TEST(SlurmConfig, NodesAndTheirPlaces) {
  const std::string two = slurm_config({"n[1-2]"});
  EXPECT_HAS(two, "\nSlurmctldHost=n1\n");
  EXPECT_HAS(two, "\nNodeName=n1 CPUs=");
  EXPECT_HAS(two, "\nPartitionName=hadal Nodes=n1,n2 Default=YES");
  EXPECT_EQ(two.find("%n"), std::string::npos) << "one node a machine";
  EXPECT_EQ(two.find("config_overrides"), std::string::npos);
  const std::string addressed = slurm_config({"head=10.0.0.1,n1=10.0.0.2"});
  EXPECT_HAS(addressed, "\nSlurmctldHost=head(10.0.0.1)\n");
  EXPECT_HAS(addressed, "\nNodeName=n1 NodeAddr=10.0.0.2 CPUs=");
  const std::string shared = slurm_config({"n[1-3]=localhost:17001"});
  EXPECT_HAS(shared, "\nSlurmctldHost=localhost(127.0.0.1)\n");
  EXPECT_HAS(shared, "\nNodeName=n3 NodeHostname=localhost NodeAddr=127.0.0.1 Port=17003 CPUs=");
  EXPECT_HAS(shared, "SlurmdSpoolDir=/var/lib/slurm/slurmd.%n\n");
  EXPECT_HAS(shared, "SlurmdParameters=config_overrides\n");
}

TEST(SlurmConfig, RefusesWhatIsNoHost) {
  const auto wrong = [](const std::vector<std::string>& hosts) { return error_of([&] { slurm_config(hosts); }); };
  EXPECT_HAS(wrong({}), "no host is named");
  EXPECT_HAS(wrong({""}), "expected NAME");
  EXPECT_HAS(wrong({"n1 n2"}), "host 'n1 n2'");
  EXPECT_HAS(wrong({"n1="}), "expected NAME");
  EXPECT_HAS(wrong({"n1=h:0"}), "is no port");
  EXPECT_HAS(wrong({"n1=h:65536"}), "is no port");
  EXPECT_HAS(wrong({"n[1-2]=h:65535"}), "is no port");
  EXPECT_HAS(wrong({"n[1-2]=h"}), "several nodes at one address");
  EXPECT_HAS(wrong({"n1,n1"}), "named twice");
  EXPECT_HAS(wrong({"n1=h:5,n2=h:5"}), "another node has the address h");
  EXPECT_HAS(wrong({"n1=h,n2=h"}), "give each its own port");
  EXPECT_HAS(wrong({"n[1-2"}), "'[' without ']'");
  EXPECT_HAS(wrong({"n1\nSlurmUser=eve"}), "expected NAME");
}

TEST(SlurmMpi, OneRankASlot) {
  EXPECT_EQ(mpi_command({{"n1", 2}, {"n2", 3}}, {"hadal", "train", "a b.toml"}),
            (std::vector<std::string>{"mpirun", "-n", "5", "hadal", "train", "a b.toml"}));
}

}  // namespace
}  // namespace hadal::cluster
