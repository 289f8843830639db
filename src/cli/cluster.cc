// hadal cluster COMMAND ...: the machines that ideas run on, and the people who share them.
#include "cli/cluster.h"

#include "cli/verb.h"

namespace hadal {
namespace {

constexpr Verb kCommands[] = {
    {"serve", "the cluster's daemon: starts runs, answers people and programs", cluster_serve},
    {"status", "slots, nodes, people, and who waits", cluster_status},
    {"user", "people who may submit or track, and their tokens", cluster_user},
    {"login", "store the token for a cluster elsewhere", cluster_login},
    {"ledger", "what was used, by person, idea or run", cluster_ledger},
    {"check", "whether what the cluster remembers is sound", cluster_check},
    {"simulate", "the policy over published workloads, or over made-up ideas", cluster_simulate},
    {"slurm-config", "a working slurm.conf for a list of hosts", cluster_slurm_config},
};

}  // namespace

int cluster_command(int argc, char** argv) {
  // Started by the daemon, not by people: the table does not show it.
  if (argc > 1 && std::string_view(argv[1]) == "supervise") return cluster_supervise(argc - 1, argv + 1);
  return run_command_of("cluster", "machines that are shared, and what runs on them", kCommands, argc, argv);
}

}  // namespace hadal
