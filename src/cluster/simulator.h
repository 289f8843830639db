// The policy without machines: published workloads on simulated nodes (the rules of the Pollux simulator, OSDI 2021),
// and made-up learning curves on the ladder. `hadal cluster simulate`.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"

namespace hadal::cluster {

struct WorkloadOptions {
  std::vector<Path> workloads;   // CSV: name, time, application, num_replicas, batch_size
  Path profiles;                 // a folder a application
  std::string policy = "hadal";  // tiresias, hadal (batch fixed), hadal-adaptive
  bool blind = false;            // the length of a job is not known
  int nodes = 16, gpus = 4;
};
OrderedJson simulate_workloads(
    const WorkloadOptions& options);  // {"workloads":[{"file","mean_jct_s","mean_restarts"}],"mean_jct_s"}

struct IdeasOptions {
  Path ideas;  // CSV: idea, person, arrives_s, seconds_per_unit, then the value after 1, 2, ... units
  int slots = 8;
  double free_share = .25;
};
OrderedJson simulate_ideas(
    const IdeasOptions& options);  // {"cost_units","winner","first_start_wait_max_s","decisions"}

}  // namespace hadal::cluster
