#include "cluster/simulator/workload.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "cluster/policy.h"
#include "cluster/simulator/table_file.h"

namespace hadal::cluster {

namespace {

constexpr double kLatestSeconds = 1e9;

}  // namespace

std::vector<int> counts_by_node(const std::vector<int>& gpus) {
  std::vector<int> counts;
  for (size_t i = 0; i < gpus.size(); ++i) {
    if (i == 0 || gpus[i] != gpus[i - 1]) counts.push_back(0);
    ++counts.back();
  }
  return counts;
}

std::vector<Job> read_workload(const Path& file, const Path& profiles, int most_replicas, Applications& applications) {
  const TableFile table(file, {"name", "time", "application", "num_replicas", "batch_size"});
  const size_t application = table.column("application"), batch = table.column("batch_size");
  std::vector<Job> jobs;
  for (size_t row = 0; row < table.num_rows(); ++row) {
    Job job;
    job.name = table.text(row, table.column("name"));
    job.submitted = table.number(row, table.column("time"));
    if (job.submitted < 0 || job.submitted > kLatestSeconds)
      table.fail_at(row, table.column("time"), fmt::format("seconds from 0 to {}", kLatestSeconds));
    const std::string& wanted = table.text(row, application);
    if (wanted.find_first_of("/\\") != std::string::npos || wanted.starts_with('.') ||
        !std::filesystem::is_directory(profiles / wanted))
      table.fail_at(row, application, fmt::format("the name of a folder in {}", profiles.string()));
    std::unique_ptr<Application>& profile = applications[wanted];
    if (!profile) profile = std::make_unique<Application>(profiles / wanted);
    job.application = profile.get();
    job.replicas = static_cast<int>(table.whole(row, table.column("num_replicas"), 1, most_replicas));
    job.batch = static_cast<int>(table.whole(row, batch, profile->initial_batch(), profile->largest_batch()));
    jobs.push_back(std::move(job));
  }
  std::stable_sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.submitted < b.submitted; });
  return jobs;
}

void Job::take(std::vector<int> list) {
  gpus = std::move(list);
  if (gpus.empty()) return;
  restart_left = kRestartSeconds;
  ++restarts;
}

void Job::advance(double now, double seconds) {
  if (gpus.empty()) return;
  held_s += seconds;
  const double delay = std::min(restart_left, seconds);
  restart_left -= delay;
  now += delay;
  seconds -= delay;
  const auto count = static_cast<int>(gpus.size());
  const Application::Split split = application->split(batch, count);
  const double step = application->step_seconds(counts_by_node(gpus), split);
  if (std::isnan(step))
    fail("the job {}: expected that {} was measured with a batch of {} on {} GPUs of {} nodes, found that it was not",
         name, application->name(), batch, count, counts_by_node(gpus).size());
  while (seconds > 0 && !is_over()) {
    const double speed = application->gain(epoch, split.total(count)) / step;
    const double next = application->epoch_end(epoch);
    if (progress + speed * seconds < next) {
      progress += speed * seconds;
      seconds = 0;
      break;
    }
    const double took = std::nearbyint((next - progress) / speed);  // half to even
    progress = next;
    now += took;
    seconds -= took;
    if (++epoch == application->num_epochs()) ended = now;
  }
}

void run_workload(std::vector<Job>& jobs, int nodes, int gpus, const Placing& place) {
  double now = 0;
  while (true) {
    for (Job& job : jobs)
      if (!job.is_over() && job.submitted <= now) job.advance(now, kRoundSeconds);
    double next = kUnknown;
    std::vector<Job*> seen;
    now += kRoundSeconds;
    for (Job& job : jobs) {
      if (job.is_over()) continue;
      next = std::min(next, job.submitted);
      if (job.submitted <= now) seen.push_back(&job);
    }
    if (next == kUnknown) return;
    if (seen.empty()) {  // nothing happens before the round in which the next one is seen
      now = std::max(now, (std::ceil(next / kRoundSeconds) - 1) * kRoundSeconds);
      continue;
    }
    std::vector<std::vector<int>> lists;
    for (const Job* job : seen) lists.push_back(job->gpus);
    place(seen, lists);
    std::vector<int> used(static_cast<size_t>(nodes));
    for (size_t i = 0; i < seen.size(); ++i) {
      for (const int node : lists[i]) HADAL_CHECK(++used[static_cast<size_t>(node)] <= gpus);
      if (lists[i] != seen[i]->gpus) seen[i]->take(std::move(lists[i]));
    }
  }
}

}  // namespace hadal::cluster
