// An application whose training was measured: how long a step takes at a placement and a batch, and what a step is
// worth at an epoch. The rules are those of the Pollux simulator (OSDI 2021).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/files.h"

namespace hadal::cluster {

class Application {
 public:
  // `folder` holds placements.csv, points.csv, tetrahedra.csv and validation-B.csv for two batches B or more.
  explicit Application(const Path& folder);

  // How a batch is spread: micro-batches of each GPU, of which a step takes accumulation + 1.
  struct Split {
    int micro_batch = 0, accumulation = 0;
    int total(int gpus) const { return gpus * micro_batch * (accumulation + 1); }
  };
  Split split(int batch, int gpus) const;

  // GPUs of each node, in the order of the list that a job holds -> seconds of a step; nan where nothing was measured.
  double step_seconds(std::span<const int> placement, Split split) const;
  double gain(int epoch, int batch) const;  // statistical, 1 at the initial batch
  double epoch_end(int epoch) const { return epoch_ends_[static_cast<size_t>(epoch)]; }  // its progress

  const std::string& name() const { return name_; }
  int initial_batch() const { return batches_.front(); }
  int largest_batch() const { return batches_.back(); }
  int num_epochs() const { return static_cast<int>(epoch_ends_.size()); }
  const std::vector<int>& measured_batches() const { return batches_; }  // ascending

 private:
  struct Time {
    double step = 0, sync = 0;
  };
  using Line = std::map<int, Time>;  // by batch per GPU
  struct Point {
    double at[3] = {};  // nodes, replicas, batch per GPU
    Time time;
  };
  struct Tetrahedron {
    int corners[4] = {};
    double low[3] = {}, high[3] = {};
  };
  void read_placements(const Path& file);
  void read_tetrahedra(const Path& folder);
  void read_validation(const Path& folder);
  Time time_of(std::span<const int> placement, int micro_batch) const;
  Time between(const double (&at)[3]) const;

  std::string name_;
  int smallest_local_ = 0, largest_local_ = 0;  // batch per GPU
  std::map<std::vector<int>, Line> placements_;
  std::vector<Point> points_;
  std::vector<Tetrahedron> tetrahedra_;
  mutable std::unordered_map<uint64_t, Time> found_;  // what between() found before
  std::vector<int> batches_;
  struct Gradient {
    double square = 0, variance = 0;
  };
  std::vector<std::vector<Gradient>> gradients_;  // of each batch, by epoch
  std::vector<double> epoch_ends_;
};

}  // namespace hadal::cluster
