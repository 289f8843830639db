// hadal cluster simulate: the policy on published workloads, or the ladder on made-up learning curves.
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/cluster.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "cluster/simulator.h"

namespace hadal {
namespace {

void print_workloads(const OrderedJson& result, const cluster::WorkloadOptions& options) {
  std::string text = fmt::format("{}{} on {} of {}\n\n", options.policy, options.blind ? ", blind" : "",
                                 counted(options.nodes, "node"), counted(options.gpus, "GPU"));
  text += fmt::format("{:>12} {:>9}  {}\n", "mean JCT, s", "restarts", "workload");
  for (const OrderedJson& one : result["workloads"])
    text += fmt::format("{:>12.1f} {:>9.2f}  {}\n", one["mean_jct_s"].get<double>(), one["mean_restarts"].get<double>(),
                        without_controls(one["file"].get<std::string>()));
  text += fmt::format("{:>12.1f} {:>9}  mean\n\n", result["mean_jct_s"].get<double>(), "");
  print_text(
      text +
      "JCT: job completion time, from submission to end. Pollux and Tiresias are blind (they do not know how\n"
      "long a job will be), as ours is with --blind alone; Pollux learns the speeds of jobs while it runs, which\n"
      "ours knows from their profiles.\n");
}

void print_ideas(const OrderedJson& result) {
  std::string text;
  for (const OrderedJson& decision : result["decisions"])
    text += fmt::format("{:>9.0f} s  {:<9} {:<8} {}\n", decision["time_s"].get<double>(),
                        without_controls(decision["idea"].get<std::string>()), decision["kind"].get<std::string>(),
                        without_controls(decision["reason"].get<std::string>()));
  const bool won = result["winner"].is_string();
  print_text(text + fmt::format("\nwinner {}; {} units were run; the longest wait for a first start was {:.0f} s\n",
                                won ? without_controls(result["winner"].get<std::string>()) : "none",
                                result["cost_units"].get<int64_t>(), result["first_start_wait_max_s"].get<double>()));
}

}  // namespace

int cluster_simulate(int argc, char** argv) {
  CommandLine app(
      "The cluster's policy without machines. With --workload: training jobs that were measured, on simulated nodes, "
      "by "
      "the rules of the Pollux simulator (OSDI 2021). With --ideas: learning curves on the ladder.");
  cluster::WorkloadOptions workload;
  cluster::IdeasOptions ideas;
  std::vector<std::string> files;
  std::string profiles, curves;
  bool json = false;
  app.add_option("--workload", files, "CSVs of jobs: name, time, application, num_replicas, batch_size").many();
  app.add_option("--profiles", profiles, "a folder with the measurements of each application in a folder of its name");
  app.add_option("--policy", workload.policy, "who gets GPUs: ours with the batch as asked for or chosen, or Tiresias")
      .one_of({"tiresias", "hadal", "hadal-adaptive"})
      .show_default();
  app.add_flag("--blind", workload.blind, "the policy does not know how long a job will be");
  app.add_option("--nodes", workload.nodes, "how many there are").range(1, 10'000).show_default();
  app.add_option("--gpus", workload.gpus, "of each node").range(1, 1'000).show_default();
  app.add_option("--ideas", curves,
                 "a CSV of ideas: idea, person, arrives_s, seconds_per_unit, value after 1, 2, ... units");
  app.add_option("--slots", ideas.slots, "of the one node that the ideas share").range(1, 100'000).show_default();
  app.add_option("--free-share", ideas.free_share, "of the slots, kept for free runs that wait")
      .range(0.0, 1.0)
      .show_default();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;

  if (files.empty() == curves.empty())
    throw UsageError("expected --workload with --profiles, or --ideas, found " +
                     std::string(files.empty() ? "neither" : "both"));
  const std::set<std::string> of_workloads{"--profiles", "--policy", "--blind", "--nodes", "--gpus"},
      of_ideas{"--slots", "--free-share"};
  for (const std::string& option : files.empty() ? of_workloads : of_ideas)
    if (app.given(option))
      throw UsageError(fmt::format("{}: expected it with {} only, found it with {}", option,
                                   files.empty() ? "--workload" : "--ideas", files.empty() ? "--ideas" : "--workload"));
  OrderedJson result;
  if (!files.empty()) {
    if (profiles.empty()) throw UsageError("--workload: expected --profiles beside it, found none");
    workload.workloads.assign(files.begin(), files.end());
    workload.profiles = profiles;
    result = cluster::simulate_workloads(workload);
  } else {
    ideas.ideas = curves;
    result = cluster::simulate_ideas(ideas);
  }
  if (json)
    print_json(result);
  else if (!files.empty())
    print_workloads(result, workload);
  else
    print_ideas(result);
  return 0;
}

}  // namespace hadal
