// The policy without machines: published workloads on simulated nodes (the rules of the Pollux simulator, OSDI 2021),
// and made-up learning curves on the ladder. `hadal cluster simulate`. Wrong files are Errors that name the file, the
// line and the column.
//
// Whoever compares: Pollux and Tiresias do not know how long a job will be, as `blind` says of ours; and Pollux learns
// the speeds of jobs while they run, which ours knows from their profiles.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"

namespace hadal::cluster {

struct WorkloadOptions {
  std::vector<Path> workloads;   // CSV: name, time, application, num_replicas, batch_size
  Path profiles;                 // a folder for each application
  std::string policy = "hadal";  // tiresias, hadal (the batch as asked for), hadal-adaptive (chosen each minute)
  bool blind = false;            // the length of a job is not known; tiresias never knows it
  int nodes = 16, gpus = 4;      // gpus: of each node
};
// {"workloads":[{"file","mean_jct_s","mean_restarts"}],"mean_jct_s"}; a job's first start is no restart.
OrderedJson simulate_workloads(const WorkloadOptions& options);

struct IdeasOptions {
  Path ideas;  // CSV: idea, person, arrives_s, seconds_per_unit, then the value after 1, 2, ... units; idea-0 is the
               // baseline
  int slots = 8;
  double free_share = .25;
};
// {"cost_units","winner","first_start_wait_max_s","decisions"}: units that were run of all ideas; the best final value
// of those that got to the end, or null; what policy and ladder decided, [{"time_s","idea","kind","rule","reason"}].
OrderedJson simulate_ideas(const IdeasOptions& options);

}  // namespace hadal::cluster
