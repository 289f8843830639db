// How long does a decision take for 200 nodes and 10,000 runs, on one core? Usage: cluster_policy [--nodes N] [--slots
// N]
// [--runs N] [--rounds N] [--record]
// Three moments of a full cluster: nobody may be suspended yet (young), everybody may (old: grants and first starts
// take what is lent), and a tenth of the slots came free at once (ends). Prints the median and the worst of the rounds
// in ms of this process's user time for decide(), and for starts_within() of the last first start in the line. With
// --record it appends them to bench/results/cluster_policy.csv.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "cluster/policy.h"
#include "record.h"

namespace {

using namespace hadal;
using namespace hadal::cluster;

double user_ms() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) * 1e3 + static_cast<double>(usage.ru_utime.tv_usec) / 1e3;
}

// 100 people; a third of the runs stand above the first rung; most want 1 slot, some up to a quarter of a node, a few
// two to four whole nodes; half ask for memory.
Snapshot full_cluster(const PolicyRules& rules, int num_nodes, int slots, int num_runs, bool old, double ended) {
  Rng rng(1);
  Snapshot s;
  s.now = 100'000;
  for (int n = 0; n < num_nodes; ++n)
    s.nodes.push_back({fmt::format("node{:03}", n), slots, int64_t{4} * slots << 30, true, 0});
  for (int64_t p = 1; p <= 100; ++p) s.people.push_back({p, 1e6 * rng.uniform()});
  std::vector<int> left(static_cast<size_t>(num_nodes), slots);
  size_t node = 0;
  for (int i = 1; i <= num_runs; ++i) {
    PolicyRun r;
    r.id = i;
    r.idea = i / 3;
    r.person = 1 + static_cast<int64_t>(rng.below(100));
    r.rung = rng.below(3) == 0 ? 2 + static_cast<int>(rng.below(3)) : 1;
    r.size.slots = rng.below(4) != 0 ? 1 : 1 + static_cast<int>(rng.below(static_cast<uint64_t>(slots) / 4));
    if (rng.below(100) == 0) r.size = {0, 2 + static_cast<int>(rng.below(3)), 0};
    if (rng.below(2) == 0) r.size.memory_bytes = int64_t{r.size.slots} << 31;
    r.arrived = r.waiting_since = s.now - 50'000 * (1 - static_cast<double>(i) / num_runs);
    while (node < left.size() && left[node] < r.size.slots) ++node;
    if (node < left.size() && r.size.nodes == 0) {
      left[node] -= r.size.slots;
      r.phase = PolicyRun::Phase::active;
      r.started_before = true;
      r.began = s.now - (old ? rules.min_run_s : 0) - (rules.min_run_s - 1) * rng.uniform();
      r.held = {{s.nodes[node].name, r.size.slots}};
      if (rng.uniform() < ended) continue;
    } else {
      r.started_before = rng.below(2) == 0;
    }
    s.runs.push_back(std::move(r));
  }
  for (int64_t g = 0; g < 20; ++g) s.grants.push_back({num_runs / 3 - 3 * g, slots, 0, 1e9});
  return s;
}

int usage() {
  fmt::print(
      stderr,
      "usage: cluster_policy [--nodes N] [--slots N] [--runs N] [--rounds N] [--record]; N from 1 up, slots from 4\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  int nodes = 200, slots = 32, runs = 10'000, rounds = 21;
  bool record = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::atoi(argv[++i]) : 0; };
    if (arg == "--nodes")
      nodes = value();
    else if (arg == "--slots")
      slots = value();
    else if (arg == "--runs")
      runs = value();
    else if (arg == "--rounds")
      rounds = value();
    else if (arg == "--record")
      record = true;
    else
      return usage();
  }
  if (nodes < 1 || slots < 4 || runs < 1 || rounds < 1) return usage();
  const PolicyRules rules;
  struct Moment {
    const char* name;
    bool old;
    double ended;
  };
  for (const Moment& moment : {Moment{"young", false, 0}, Moment{"old", true, 0}, Moment{"ends", true, .1}}) {
    const Snapshot s = full_cluster(rules, nodes, slots, runs, moment.old, moment.ended);
    int64_t last = 0, active = 0;
    for (const PolicyRun& r : s.runs) {
      active += r.phase == PolicyRun::Phase::active;
      if (r.phase == PolicyRun::Phase::waiting && !r.started_before && r.rung == 1 && r.size == Size{1, 0, 0})
        last = r.id;
    }
    size_t decisions = 0;
    std::vector<double> took;
    for (int round = 0; round < rounds; ++round) {
      const double begin = user_ms();
      decisions = decide(rules, s).size();
      took.push_back(user_ms() - begin);
    }
    std::sort(took.begin(), took.end());
    const double begin = user_ms();
    const auto promise = starts_within(rules, s, last);
    const double forward = user_ms() - begin;
    fmt::print(
        "{:6} {} nodes of {}, {} runs, {} of them active: {} decisions in {:.1f} ms (worst {:.1f}); "
        "starts_within() {:.0f} ms: {}\n",
        moment.name, nodes, slots, s.runs.size(), active, decisions, took[took.size() / 2], took.back(), forward,
        promise ? fmt::format("{:.0f} s", *promise) : "nothing promised");
    if (record)
      bench::append(
          "cluster_policy",
          "commit,machine,command,moment,nodes,slots,runs,active,decisions,decide_ms,worst_ms,starts_within_ms",
          fmt::format("{},{},{},{},{},{},{},{},{},{:.2f},{:.2f},{:.1f}", bench::commit(), bench::cpu_model(),
                      bench::command_line(argc, argv), moment.name, nodes, slots, s.runs.size(), active, decisions,
                      took[took.size() / 2], took.back(), forward));
  }
}
