#include <algorithm>
#include <numeric>
#include <set>

#include "cluster/simulator/workload.h"

namespace hadal::cluster {

namespace {

constexpr double kFirstQueueGpuSeconds = 57'600;

class Tiresias {
 public:
  Tiresias(int nodes, int gpus) : nodes_(nodes), gpus_(gpus) {}

  void operator()(const std::vector<Job*>& jobs, std::vector<std::vector<int>>& lists) {
    for (auto* queue : {&first_, &second_}) std::erase_if(*queue, [](const Job* job) { return job->is_over(); });
    for (Job* job : jobs)
      if (known_.insert(job).second) first_.push_back(job);
    const auto served = [](const Job* job) { return job->held_s * job->replicas >= kFirstQueueGpuSeconds; };
    std::copy_if(first_.begin(), first_.end(), std::back_inserter(second_), served);
    std::erase_if(first_, served);

    std::vector<Job*> line = first_;
    line.insert(line.end(), second_.begin(), second_.end());
    int left = nodes_ * gpus_;
    std::erase_if(line, [&left](const Job* job) {
      if (job->replicas > left) return true;
      left -= job->replicas;
      return false;
    });
    std::vector<int> free(static_cast<size_t>(nodes_), gpus_);
    const std::set<const Job*> chosen(line.begin(), line.end());
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (!chosen.contains(jobs[i])) lists[i].clear();
      for (const int node : lists[i]) --free[static_cast<size_t>(node)];
    }
    for (const Job* job : line) {
      std::vector<int>& list = lists[static_cast<size_t>(std::find(jobs.begin(), jobs.end(), job) - jobs.begin())];
      if (!list.empty()) continue;
      while (static_cast<int>(list.size()) < job->replicas) {
        const auto most = std::max_element(free.begin(), free.end());
        const int taken = std::min(*most, job->replicas - static_cast<int>(list.size()));
        list.insert(list.end(), static_cast<size_t>(taken), static_cast<int>(most - free.begin()));
        *most -= taken;
      }
    }
  }

 private:
  int nodes_, gpus_;
  std::set<const Job*> known_;
  std::vector<Job*> first_, second_;
};

}  // namespace

Placing tiresias(int nodes, int gpus) { return Tiresias(nodes, gpus); }

}  // namespace hadal::cluster
