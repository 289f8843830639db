#include "cluster/simulator.h"

#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "cluster/simulator/workload.h"

namespace hadal::cluster {

namespace {

Placing placing_of(const WorkloadOptions& options) {
  if (options.policy == "tiresias") return tiresias(options.nodes, options.gpus);
  if (options.policy == "hadal") return elastic(options.nodes, options.gpus, {.blind = options.blind});
  if (options.policy == "hadal-adaptive")
    return elastic(options.nodes, options.gpus, {.adaptive = true, .blind = options.blind});
  fail("the policy of a simulation: expected tiresias, hadal or hadal-adaptive, found {}", brief(options.policy));
}

}  // namespace

OrderedJson simulate_workloads(const WorkloadOptions& options) {
  if (options.workloads.empty()) fail("a simulation: expected a workload or more, found none");
  if (options.nodes < 1 || options.gpus < 1)
    fail("a simulation: expected 1 node and 1 GPU or more, found {} nodes of {}", options.nodes, options.gpus);
  Applications applications;
  OrderedJson workloads = OrderedJson::array();
  double sum = 0;
  for (const Path& file : options.workloads) {
    // Tiresias gives what was asked for; the others decide that themselves.
    const int most = options.policy == "tiresias" ? options.nodes * options.gpus : std::numeric_limits<int>::max();
    std::vector<Job> jobs = read_workload(file, options.profiles, most, applications);
    run_workload(jobs, options.nodes, options.gpus, placing_of(options));
    double seconds = 0, restarts = 0;
    for (const Job& job : jobs) {
      seconds += job.ended - job.submitted;
      restarts += job.restarts;
    }
    const auto count = static_cast<double>(jobs.size());
    workloads.push_back(
        {{"file", file.string()}, {"mean_jct_s", seconds / count}, {"mean_restarts", restarts / count}});
    sum += seconds / count;
  }
  const double mean = sum / static_cast<double>(options.workloads.size());
  return {{"workloads", std::move(workloads)}, {"mean_jct_s", mean}};
}

}  // namespace hadal::cluster
