// size() on the workload simulator: what it must know of a job, from the job's profile.
#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "cluster/policy/sizing.h"
#include "cluster/simulator/workload.h"

namespace hadal::cluster {

namespace {

constexpr double kBatchStep = 1.05;  // between the batches that are tried

// The best batch for an application's jobs on so many GPUs, and how fast it goes: progress a second.
class Speeds {
 public:
  struct Choice {
    double speed = 0;  // 0: cannot run so
    int batch = 0;
  };
  // `batch`: the only one that may be chosen; 0: any.
  Speeds(const Application& application, int gpus, int batch) : application_(application), gpus_(gpus) {
    if (batch > 0) {
      batches_ = {batch};
    } else if (application.name() == "ncf") {  // as published: at its largest batch, on one GPU
      batches_ = {application.largest_batch()};
      most_gpus_ = 1;
    } else {
      batches_ = application.measured_batches();
      for (double tried = application.initial_batch(); tried < application.largest_batch(); tried *= kBatchStep)
        batches_.push_back(static_cast<int>(tried));
    }
  }

  // False: it runs on no number up to `most`, packed.
  bool find_fewest_gpus(int most) {
    for (fewest_gpus_ = 1; fewest_gpus_ <= std::min(most, most_gpus_); ++fewest_gpus_)
      if (best(fewest_gpus_, 0).speed > 0) return true;
    return false;
  }
  int fewest_gpus() const { return fewest_gpus_; }
  int most_gpus() const { return most_gpus_; }

  // On GPUs of each node; on so many of so many nodes, as full as they go; on the fewest nodes.
  const Choice& best(const std::vector<int>& counts, int epoch) { return best(steps_of(counts), epoch); }
  const Choice& best(int gpus, int epoch) { return best(gpus, (gpus + gpus_ - 1) / gpus_, epoch); }
  const Choice& best(int gpus, int nodes, int epoch) {
    const auto row = static_cast<size_t>(gpus), column = static_cast<size_t>(nodes);
    if (by_size_.size() <= row) by_size_.resize(row + 1);
    if (by_size_[row].size() <= column) by_size_[row].resize(column + 1);
    Steps*& steps = by_size_[row][column];
    if (!steps) steps = &steps_of(spread(gpus, nodes));
    return best(*steps, epoch);
  }

 private:
  struct Step {
    int batch = 0, total = 0;
    double seconds = 0;
  };
  struct Steps {
    std::vector<Step> of_batches;
    std::vector<Choice> by_epoch;  // speed < 0: not computed yet
  };

  const Choice& best(Steps& steps, int epoch) {
    Choice& choice = steps.by_epoch[static_cast<size_t>(epoch)];
    if (choice.speed >= 0) return choice;
    choice.speed = 0;
    for (const Step& step : steps.of_batches) {
      const double speed = application_.gain(epoch, step.total) / step.seconds;
      if (speed > choice.speed) choice = {speed, step.batch};
    }
    return choice;
  }

  std::vector<int> spread(int gpus, int nodes) const {
    std::vector<int> counts;
    for (; nodes > 0; --nodes) {
      counts.push_back(std::min(gpus_, gpus - (nodes - 1)));
      gpus -= counts.back();
    }
    return counts;
  }

  Steps& steps_of(const std::vector<int>& counts) {
    Steps& steps = steps_[counts];
    if (!steps.by_epoch.empty()) return steps;
    int gpus = 0;
    for (const int count : counts) gpus += count;
    if (gpus <= most_gpus_)
      for (const int batch : batches_) {
        const Application::Split split = application_.split(batch, gpus);
        const double seconds = application_.step_seconds(counts, split);
        if (!std::isnan(seconds) && split.total(gpus) >= application_.initial_batch())
          steps.of_batches.push_back({batch, split.total(gpus), seconds});
      }
    steps.by_epoch.assign(static_cast<size_t>(application_.num_epochs()), {-1, 0});
    return steps;
  }

  const Application& application_;
  int gpus_;  // of a node
  std::vector<int> batches_;
  int most_gpus_ = 1 << 20, fewest_gpus_ = 1;
  std::map<std::vector<int>, Steps> steps_;
  std::vector<std::vector<Steps*>> by_size_;  // [gpus][nodes]
};

class Elastic {
 public:
  Elastic(int nodes, int gpus, ElasticOptions options)
      : slots_(static_cast<size_t>(nodes), gpus), gpus_(gpus), total_(nodes * gpus), options_(options) {}

  void operator()(const std::vector<Job*>& jobs, std::vector<std::vector<int>>& lists) {
    std::vector<ElasticRun> runs;
    for (size_t i = 0; i < jobs.size(); ++i) {
      const Job& job = *jobs[i];
      Speeds& speeds = speeds_of(job);
      ElasticRun run;
      run.id = static_cast<int64_t>(i);
      run.held = lists[i];
      run.max_slots = std::min(speeds.most_gpus(), total_);
      run.done = job.progress;
      run.restart_s = kRestartSeconds;
      if (!options_.blind) run.remaining = remaining(job, speeds);
      run.speed = [&speeds, epoch = job.epoch](int slots, int nodes) { return speeds.best(slots, nodes, epoch).speed; };
      runs.push_back(std::move(run));
    }
    for (const Sizing& sizing : size(slots_, runs)) {
      const auto i = static_cast<size_t>(sizing.id);
      Job& job = *jobs[i];
      lists[i] = sizing.places;
      // Not every way of spreading so many GPUs on so many nodes was measured with every batch.
      const auto choice = [&] { return speeds_of(job).best(counts_by_node(lists[i]), job.epoch); };
      while (!lists[i].empty() && choice().speed == 0) lists[i].pop_back();
      if (options_.adaptive && !lists[i].empty()) job.batch = choice().batch;
    }
  }

 private:
  // Counted at the present speed of the job on the fewest GPUs: epochs differ in what a step is worth.
  static double remaining(const Job& job, Speeds& speeds) {
    const int gpus = speeds.fewest_gpus();
    const double now = speeds.best(gpus, job.epoch).speed;
    double left = 0, at = job.progress;
    for (int epoch = job.epoch; epoch < job.application->num_epochs(); ++epoch) {
      const double end = job.application->epoch_end(epoch);
      left += (end - at) * now / speeds.best(gpus, epoch).speed;
      at = end;
    }
    return left;
  }

  Speeds& speeds_of(const Job& job) {
    const auto key = std::pair(job.application, options_.adaptive ? 0 : job.batch);
    auto found = speeds_.find(key);
    if (found != speeds_.end()) return found->second;
    Speeds& speeds = speeds_.try_emplace(key, *job.application, gpus_, options_.adaptive ? 0 : job.batch).first->second;
    if (!speeds.find_fewest_gpus(total_))
      fail("the job {}: expected that {} was measured with {} on 1 to {} GPUs, {} on a node, found that it was not",
           job.name, job.application->name(), options_.adaptive ? "any batch" : fmt::format("a batch of {}", job.batch),
           total_, gpus_);
    return speeds;
  }

  std::vector<int> slots_;
  int gpus_, total_;
  ElasticOptions options_;
  std::map<std::pair<const Application*, int>, Speeds> speeds_;
};

}  // namespace

Placing elastic(int nodes, int gpus, ElasticOptions options) { return Elastic(nodes, gpus, options); }

}  // namespace hadal::cluster
