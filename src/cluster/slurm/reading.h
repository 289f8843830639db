// What Slurm's programs print, read: pure functions of text, for Slurm 22.05 and later. Error where the text is not
// what it should be, or says that the controller did not answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/backend.h"

namespace hadal::cluster {

struct SlurmJob {
  int64_t id = 0;
  std::string name;
  Sighting::State state = Sighting::State::running;
  std::string words;  // "RUNNING", "PENDING (Resources)", "NODE_FAIL"
  int64_t user = -1;  // uid
  std::string folder;
  int code = 0, signal = 0;  // how its script ended; signal 53: its folder or output could not be opened
  bool holds = false;        // its processors are taken
  bool refused = false;      // never begun and never to begin: what sbatch was told stays on Slurm's record
  struct Share {
    std::string node;
    int cpus = 0;   // as Slurm counts them
    int cores = 0;  // 0: not said
  };
  std::vector<Share> shares;
};
std::vector<SlurmJob> read_jobs(std::string_view json);  // squeue --json

struct SlurmNode {
  std::string name;
  int slots = 0;          // cores
  int cpus_per_slot = 1;  // as Slurm counts them: 2 where it counts both threads of a core
  int64_t memory_mb = 0;
  bool up = true;
  std::string state = {};  // "IDLE", "IDLE+DRAIN"
  std::vector<std::string> partitions = {};
};
std::vector<SlurmNode> read_nodes(std::string_view json);  // sinfo --json of 22.05, later scontrol show nodes --json

// The lines of jobcomp/filetxt. Whoever may submit jobs may write nearly anything into their names: lines that can be
// read in two ways are left out.
std::vector<SlurmJob> read_job_ends(std::string_view text);

std::vector<std::string> expand_hosts(std::string_view list);  // "n[1-3,07],m" -> n1 n2 n3 n07 m

// One CPU-carrying look at other people's jobs: slots of `node` that `job` holds.
int slots_on(const SlurmJob& job, const SlurmNode& node);

}  // namespace hadal::cluster
