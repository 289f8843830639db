// Training jobs on simulated nodes, in rounds of a minute: every job goes on, the clock moves, and a policy sees the
// jobs and gives each its GPUs. Whose list changes restarts. The rules are those of the Pollux simulator (OSDI 2021).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/simulator/application.h"

namespace hadal::cluster {

inline constexpr double kRoundSeconds = 60, kRestartSeconds = 30;

using Applications = std::map<std::string, std::unique_ptr<Application>>;

struct Job {
  // What is known of it at once.
  std::string name;
  const Application* application = nullptr;
  double submitted = 0;
  int replicas = 0, batch = 0;  // what a user asked for

  // How it stands.
  std::vector<int> gpus;  // the node of each, grouped by node; a policy sets them, and may set `batch`
  double restart_left = 0;
  int epoch = 0;
  double progress = 0;
  double held_s = 0;  // seconds of rounds in which it held GPUs
  int restarts = -1;  // the first start is none
  double ended = -1;  // < 0: not yet

  bool is_over() const { return ended >= 0; }
  void advance(double now, double seconds);
  void take(std::vector<int> list);
};

std::vector<int> counts_by_node(const std::vector<int>& gpus);  // {7, 7, 2} -> {2, 1}

// Reads a workload, by the time of submission, and into `applications` what it names and they lack, from `profiles`. A
// job that asks for more than `most_replicas` is an Error.
std::vector<Job> read_workload(const Path& file, const Path& profiles, int most_replicas, Applications& applications);

// Sees the jobs that were submitted and are not over, and gives each its GPUs in `lists`, which begin as they are.
using Placing = std::function<void(const std::vector<Job*>& jobs, std::vector<std::vector<int>>& lists)>;

// Runs until all jobs are over.
void run_workload(std::vector<Job>& jobs, int nodes, int gpus, const Placing& place);

// The policy of the Tiresias baseline of that simulator: demands as asked for, two queues by attained service.
Placing tiresias(int nodes, int gpus);

// size() of policy/sizing.h, with the batch as asked for or chosen anew each round.
struct ElasticOptions {
  bool adaptive = false, blind = false;
};
Placing elastic(int nodes, int gpus, ElasticOptions options);

}  // namespace hadal::cluster
