// Does the store of a cluster keep up? Metric points per second in batches of 1,000 (20 runs, 10 keys), 1,000
// submissions of a command to a daemon without machines, and `list` of 10,000 runs, as the API answers it.
// Usage: cluster_store FOLDER [--record]. FOLDER is made, and its disk is what is measured. Prints points/s, seconds
// of the submissions, and the milliseconds of the list (median of nine), each by the wall clock: what waits for a disk
// is no CPU time. --record appends a row to bench/results/cluster_store.csv.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cluster/api.h"
#include "cluster/backend.h"
#include "cluster/daemon.h"
#include "cluster/store.h"
#include "record.h"

namespace {

using namespace hadal;
using namespace hadal::cluster;

// Machines on which nothing ever starts: submissions are measured, no programs.
class NoMachines : public Backend {
 public:
  std::vector<PolicyNode> nodes() override {
    PolicyNode node;
    node.name = "n1", node.slots = 8;
    return {node};
  }
  std::string start(const StartOrder& order) override {
    running_.push_back(order.name);
    return "1";
  }
  void suspend(const std::string&, const std::string&) override {}
  void stop(const std::string&, const std::string&) override {}
  std::vector<Sighting> look() override {
    std::vector<Sighting> seen;
    for (const std::string& name : running_) {
      Sighting sighting;
      sighting.name = name, sighting.backend_id = "1";
      seen.push_back(sighting);
    }
    return seen;
  }

 private:
  std::vector<std::string> running_;
};

double points_per_second(Store& store) {
  constexpr int kRuns = 20, kKeys = 10, kBatches = 200, kPoints = 1000;
  Idea idea;
  idea.name = "points";
  idea = store.add_idea(idea);
  std::vector<int64_t> runs;
  for (int i = 0; i < kRuns; ++i) {
    Run run;
    run.idea = idea.id, run.tracked = true;
    runs.push_back(store.add_run(run).id);
  }
  const Stopwatch since;
  for (int batch = 0; batch < kBatches; ++batch) {
    std::vector<MetricPoint> points;
    for (int i = 0; i < kPoints; ++i)
      points.push_back({runs[static_cast<size_t>(i % kRuns)], fmt::format("train/key-{}", i / kRuns % kKeys),
                        batch * kPoints + i, 1.0 / (i + 1), 1e9, batch});
    store.add(points);
  }
  return kBatches * kPoints / since.seconds();
}

double seconds_of_submissions(Daemon& daemon, const Caller& caller) {
  const Stopwatch since;
  for (int i = 0; i < 1000; ++i) {
    Submission submission;
    submission.idea = fmt::format("idea-{}", i % 50), submission.command = {"sleep", "1"};
    daemon.submit(caller, submission);
    if (i % 100 == 99) daemon.tick();
  }
  return since.seconds();
}

double list_milliseconds(Daemon& daemon) {
  Store& store = daemon.store();
  store.write([&] {
    std::vector<int64_t> ideas;
    for (int i = 0; i < 1000; ++i) {
      Idea idea;
      idea.name = fmt::format("listed-{}", i), idea.owner = 1, idea.why = "to be listed";
      ideas.push_back(store.add_idea(idea).id);
    }
    std::vector<MetricPoint> points;
    for (int i = static_cast<int>(store.run_heads().size()); i < 10'000; ++i) {
      Run run;
      run.idea = ideas[static_cast<size_t>(i % 1000)], run.person = 1, run.state = RunState::done;
      run.command = {"hadal", "train", "recipe.toml"}, run.attempts = 1, run.recipe = "recipe.toml";
      run.id = store.add_run(run).id;
      Attempt attempt;
      attempt.run = run.id, attempt.number = 1, attempt.places = {{"n1", 1}}, attempt.started = 1, attempt.ended = 2;
      attempt.core_seconds = 100;
      store.add(attempt);
      for (int k = 0; k < 5; ++k) points.push_back({run.id, fmt::format("train/k{}", k), 1, 1.0, 1, 100});
      points.push_back({run.id, std::string(kMeanKey), 1, 1.5, 1, 100});
    }
    store.add(points);
  });
  ApiRequest request;
  request.who.uid = ::geteuid(), request.method = "GET", request.path = "/api/cluster/ideas";
  std::vector<double> times;
  for (int i = 0; i < 9; ++i) {
    const Stopwatch since;
    const ApiReply reply = answer(daemon, request);
    times.push_back(since.seconds() * 1e3);
    if (reply.status != 200) fail("the list: {}", reply.body);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || (argc == 3 && std::string_view(argv[2]) != "--record") || argc > 3) {
    fmt::print(stderr, "usage: cluster_store FOLDER [--record]\n");
    return 2;
  }
  try {
    set_log_level(LogLevel::error);
    const Path folder = std::filesystem::absolute(argv[1]);
    if (std::filesystem::exists(folder)) fail("{}: is there already; take a new folder", folder.string());
    DaemonOptions options;
    options.folder = folder, options.program = "hadal", options.url = "http://localhost";
    Daemon daemon(options, std::make_unique<NoMachines>());
    Credentials me;
    me.uid = ::geteuid();
    const Caller caller = daemon.caller(me);
    const double points = points_per_second(daemon.store());
    const double submissions = seconds_of_submissions(daemon, caller);
    const double list = list_milliseconds(daemon);
    fmt::print("{:.0f} points/s; 1,000 submissions in {:.2f} s; list of 10,000 runs in {:.1f} ms\n", points,
               submissions, list);
    if (argc == 3) {
      std::string load;
      std::ifstream("/proc/loadavg") >> load;
      bench::append("cluster_store", "commit,cpu,points_per_s,submissions_1000_s,list_10000_ms,load,command",
                    fmt::format("{},{},{:.0f},{:.2f},{:.1f},{},{}", bench::commit(), bench::cpu_model(), points,
                                submissions, list, load, bench::command_line(argc, argv)));
    }
    std::filesystem::remove_all(folder);
    return 0;
  } catch (const Error& error) {
    fmt::print(stderr, "cluster_store: {}\n", error.what());
    return 1;
  }
}
