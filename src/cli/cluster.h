// The commands of `hadal cluster`; the table stands in cluster.cc. Each gets its own arguments, argv[0] being "hadal
// cluster COMMAND", as verbs do (verb.h).
#pragma once

namespace hadal {

int cluster_check(int argc, char** argv);
int cluster_ledger(int argc, char** argv);
int cluster_login(int argc, char** argv);
int cluster_serve(int argc, char** argv);
int cluster_simulate(int argc, char** argv);
int cluster_slurm_config(int argc, char** argv);
int cluster_status(int argc, char** argv);
int cluster_supervise(int argc, char** argv);  // ORDER: the process between the daemon and a run (cluster/supervisor.h)
int cluster_user(int argc, char** argv);

}  // namespace hadal
