// Where attempts run: this machine (local/) or Slurm (slurm/). A backend starts, signals and finds supervisors
// (supervisor.h); it decides nothing. Called by the daemon's one thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "cluster/policy.h"
#include "cluster/run.h"

namespace hadal::cluster {

// Who an attempt runs as. Without root only the daemon's own user.
struct Account {
  std::string user;
  uid_t uid = 0;
  gid_t gid = 0;
};

struct StartOrder {
  std::string name;  // "hadal-CLUSTER-r12-3": by it an attempt is found again
  int64_t run = 0;
  int attempt = 0;
  Path order_file;  // what the supervisor reads (supervisor.h)
  Path folder;      // the run's own
  Account account;
  Size size;
  std::vector<Place> places;
  double time_limit_s = 0;
};

// An attempt as the backend sees it now. Who is not in the list is not known to the backend: it never was started, or
// ended long ago.
struct Sighting {
  std::string name, backend_id = {};
  enum class State { waiting, running, ended, lost } state = State::running;  // lost: its node does not answer
  std::vector<std::string> nodes = {};
  std::string words = {};  // how the backend calls its state ("COMPLETING", "NODE_FAIL")
};

// The backend was asked and will never start such an order; trying again is in vain.
class StartRefused : public Error {
 public:
  using Error::Error;
};

class Backend {
 public:
  virtual ~Backend() = default;
  // All of these throw Error where the backend cannot be asked now (a controller that is down); nothing is concluded
  // from that.
  virtual std::vector<PolicyNode> nodes() = 0;
  virtual std::string start(const StartOrder& order) = 0;  // its backend_id; one that runs already is not started again
  virtual void suspend(const std::string& name, const std::string& backend_id) = 0;  // SIGUSR1 to the supervisor
  virtual void stop(const std::string& name, const std::string& backend_id) = 0;     // SIGTERM to the supervisor
  virtual std::vector<Sighting> look() = 0;
};

struct LocalOptions {
  std::string cluster;  // its id, part of every name
  Path folder;          // its own notes of what it started
  int slots = 0;        // 0: the cores that this process may use
  Path program = {};    // `PROGRAM cluster supervise ORDER`; empty: this program
};
std::unique_ptr<Backend> local_backend(const LocalOptions& options);

struct SlurmOptions {
  std::string cluster;  // its id, part of every name
  Path folder;          // the cluster's own, seen by all nodes; the folders of runs lie below it
  Path program;         // `hadal`, by the same path on every node
};
// Through Slurm's own programs, found in PATH; SLURM_CONF, SBATCH_PARTITION and SBATCH_ACCOUNT of this process say
// which Slurm, partition (else the default one) and account. A node counts as up once a job of ours proved that it sees
// `folder` and `program`.
std::unique_ptr<Backend> slurm_backend(const SlurmOptions& options);

// The command of a run with ranks (Size.nodes > 0): one rank a slot, started by `mpirun`, which asks Slurm for the
// nodes and passes SIGUSR1 on to all ranks.
std::vector<std::string> mpi_command(const std::vector<Place>& places, const std::vector<std::string>& command);

// A `slurm.conf`, in its comments how its key is made and in which order the daemons start, for `hadal cluster
// slurm-config HOSTS`. A host: NAME; NAME=ADDRESS where it is called by another address; NAME=ADDRESS:PORT for several
// nodes on one machine; NAME with numbers: "n[1-4,07]". Cores and memory are those of this machine. Error names a host
// that cannot be read.
std::string slurm_config(const std::vector<std::string>& hosts);

}  // namespace hadal::cluster
