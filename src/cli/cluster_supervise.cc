// The process between the cluster's daemon and a run: no command for people.
#include "cli/cluster.h"
#include "cli/command_line.h"
#include "cluster/supervisor.h"

namespace hadal {

int cluster_supervise(int argc, char** argv) {
  CommandLine app("Runs an attempt as its order says. The daemon starts this; people need not.");
  std::string order;
  app.add_option("ORDER", order, "the file of the order").required();
  if (const auto code = app.parse(argc, argv)) return *code;
  return cluster::supervise(order);
}

}  // namespace hadal
