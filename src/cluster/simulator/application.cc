#include "cluster/simulator/application.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "cluster/simulator/table_file.h"

namespace hadal::cluster {

namespace {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();
constexpr double kRoundOff = 1e-8;
constexpr int kMost = 1'000'000'000;

int ceil_of(double value) { return static_cast<int>(std::ceil(value - kRoundOff)); }

// Its lexicographically smallest rotation.
std::vector<int> smallest_rotation(std::span<const int> placement) {
  std::vector<int> turned(placement.begin(), placement.end()), best = turned;
  for (size_t i = 1; i < turned.size(); ++i) {
    std::rotate(turned.begin(), turned.begin() + 1, turned.end());
    best = std::min(best, turned);
  }
  return best;
}

}  // namespace

Application::Application(const Path& folder) : name_(folder.filename().string()) {
  read_placements(folder / "placements.csv");
  read_tetrahedra(folder);
  read_validation(folder);
  if (name_ == "yolov3") largest_local_ = std::min(largest_local_, 8);  // its larger ones do not fit beside others
}

void Application::read_placements(const Path& file) {
  const TableFile table(file, {"placement", "local_bsz", "step_time", "sync_time"});
  const size_t placement = table.column("placement"), local = table.column("local_bsz"),
               step = table.column("step_time"), sync = table.column("sync_time");
  smallest_local_ = kMost;
  for (size_t row = 0; row < table.num_rows(); ++row) {
    std::vector<int> gpus;
    for (const char digit : table.text(row, placement)) {
      if (digit < '1' || digit > '9') table.fail_at(row, placement, "a digit from 1 to 9 for each node");
      gpus.push_back(digit - '0');
    }
    if (gpus != smallest_rotation(gpus)) table.fail_at(row, placement, "its smallest rotation");
    const int batch = static_cast<int>(table.whole(row, local, 1, kMost));
    placements_[gpus][batch] = {table.number_above(row, step, 0), table.number(row, sync)};
    smallest_local_ = std::min(smallest_local_, batch);
    largest_local_ = std::max(largest_local_, batch);
  }
}

void Application::read_tetrahedra(const Path& folder) {
  const TableFile table(folder / "points.csv", {"num_nodes", "num_replicas", "local_bsz", "step_time", "sync_time"});
  for (size_t row = 0; row < table.num_rows(); ++row) {
    Point point;
    const char* const axes[] = {"num_nodes", "num_replicas", "local_bsz"};
    for (size_t i = 0; i < 3; ++i) point.at[i] = table.number_above(row, table.column(axes[i]), 0);
    point.time = {table.number_above(row, table.column("step_time"), 0), table.number(row, table.column("sync_time"))};
    points_.push_back(point);
  }
  const TableFile corners(folder / "tetrahedra.csv", {"a", "b", "c", "d"});
  for (size_t row = 0; row < corners.num_rows(); ++row) {
    Tetrahedron one;
    const char* const names[] = {"a", "b", "c", "d"};
    std::fill(one.low, one.low + 3, std::numeric_limits<double>::infinity());
    std::fill(one.high, one.high + 3, 0);
    for (size_t i = 0; i < 4; ++i) {
      one.corners[i] =
          static_cast<int>(corners.whole(row, corners.column(names[i]), 0, static_cast<int64_t>(points_.size()) - 1));
      for (size_t axis = 0; axis < 3; ++axis) {
        const double at = points_[static_cast<size_t>(one.corners[i])].at[axis];
        one.low[axis] = std::min(one.low[axis], at);
        one.high[axis] = std::max(one.high[axis], at);
      }
    }
    tetrahedra_.push_back(one);
  }
}

void Application::read_validation(const Path& folder) {
  std::map<int, Path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string file = entry.path().filename().string(), stem = "validation-", end = ".csv";
    if (!file.starts_with(stem) || !file.ends_with(end)) continue;
    const std::string batch = file.substr(stem.size(), file.size() - stem.size() - end.size());
    int value = 0;
    const auto [at, mistake] = std::from_chars(batch.data(), batch.data() + batch.size(), value);
    if (mistake != std::errc() || at != batch.data() + batch.size() || value < 1)
      fail("{}: expected a name like validation-128.csv, with the total batch, found {}", entry.path().string(),
           brief(batch));
    files[value] = entry.path();
  }
  if (files.size() < 2)
    fail("{}: expected files validation-B.csv for two batches or more, found {}", folder.string(), files.size());
  for (const auto& [batch, path] : files) {
    const TableFile table(path, {"progress", "grad_sqr", "grad_var"});
    const size_t progress = table.column("progress"), square = table.column("grad_sqr"),
                 variance = table.column("grad_var");
    if (batches_.empty()) epoch_ends_.resize(table.num_rows(), std::numeric_limits<double>::infinity());
    if (table.num_rows() != epoch_ends_.size())
      fail("{}: expected {} rows, one an epoch as in {}, found {}", path.string(), epoch_ends_.size(),
           files.begin()->second.string(), table.num_rows());
    batches_.push_back(batch);
    std::vector<Gradient>& gradients = gradients_.emplace_back();
    for (size_t row = 0; row < table.num_rows(); ++row) {
      epoch_ends_[row] = std::min(epoch_ends_[row], table.number_above(row, progress, 0));
      if (table.number(row, square) < 0) table.fail_at(row, square, "a number of 0 or more");
      gradients.push_back({table.number(row, square), table.number_above(row, variance, 0)});
    }
  }
  for (size_t epoch = 1; epoch < epoch_ends_.size(); ++epoch)
    if (epoch_ends_[epoch] <= epoch_ends_[epoch - 1])
      fail("{}: expected a progress that grows with the epochs, found {} at epoch {} after {}", folder.string(),
           epoch_ends_[epoch], epoch, epoch_ends_[epoch - 1]);
}

Application::Split Application::split(int batch, int gpus) const {
  const int local = ceil_of(static_cast<double>(batch) / gpus);
  Split split;
  split.accumulation = ceil_of(static_cast<double>(local) / largest_local_) - 1;
  if (gpus == 1 && batch > initial_batch()) split.accumulation = std::max(split.accumulation, 1);
  const int pieces = split.accumulation + 1;
  split.micro_batch = std::min(ceil_of(static_cast<double>(local) / pieces), largest_batch() / (gpus * pieces));
  return split;
}

double Application::step_seconds(std::span<const int> placement, Split split) const {
  if (split.micro_batch < smallest_local_ || split.micro_batch > largest_local_) return kNotMeasured;
  const Time time = time_of(placement, split.micro_batch);
  return time.step + split.accumulation * (time.step - time.sync);
}

Application::Time Application::time_of(std::span<const int> placement, int micro_batch) const {
  const auto found = placements_.find(smallest_rotation(placement));
  if (found == placements_.end()) {
    double replicas = 0;
    for (const int gpus : placement) replicas += gpus;
    return between(
        {static_cast<double>(std::min<size_t>(placement.size(), 16)), replicas, static_cast<double>(micro_batch)});
  }
  const Line& line = found->second;
  const auto right = line.lower_bound(micro_batch);
  if (right == line.end()) return {kNotMeasured, kNotMeasured};
  if (right->first == micro_batch) return right->second;
  if (right == line.begin()) return {kNotMeasured, kNotMeasured};
  const auto left = std::prev(right);
  const double part = static_cast<double>(micro_batch - left->first) / (right->first - left->first);
  return {left->second.step + part * (right->second.step - left->second.step),
          left->second.sync + part * (right->second.sync - left->second.sync)};
}

Application::Time Application::between(const double (&at)[3]) const {
  const uint64_t key =
      static_cast<uint64_t>(at[0]) << 56 | static_cast<uint64_t>(at[1]) << 32 | static_cast<uint64_t>(at[2]);
  if (const auto known = found_.find(key); known != found_.end()) return known->second;
  Time time{kNotMeasured, kNotMeasured};
  for (const Tetrahedron& one : tetrahedra_) {
    bool inside = true;
    for (int i = 0; i < 3; ++i) inside = inside && one.low[i] <= at[i] && at[i] <= one.high[i];
    if (!inside) continue;
    // Barycentric coordinates by Cramer's rule: at - d = s (a - d) + t (b - d) + u (c - d).
    const Point* const p[4] = {
        &points_[static_cast<size_t>(one.corners[0])], &points_[static_cast<size_t>(one.corners[1])],
        &points_[static_cast<size_t>(one.corners[2])], &points_[static_cast<size_t>(one.corners[3])]};
    double m[4][3];
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) m[j][i] = p[j]->at[i] - p[3]->at[i];
      m[3][i] = at[i] - p[3]->at[i];
    }
    const auto det = [&m](int a, int b, int c) {
      return m[a][0] * (m[b][1] * m[c][2] - m[b][2] * m[c][1]) - m[a][1] * (m[b][0] * m[c][2] - m[b][2] * m[c][0]) +
             m[a][2] * (m[b][0] * m[c][1] - m[b][1] * m[c][0]);
    };
    const double whole = det(0, 1, 2);
    if (whole == 0) continue;  // flat
    double share[4] = {det(3, 1, 2) / whole, det(0, 3, 2) / whole, det(0, 1, 3) / whole, 0};
    share[3] = 1 - share[0] - share[1] - share[2];
    if (*std::min_element(share, share + 4) < -1e-9) continue;
    time = {};
    for (int i = 0; i < 4; ++i) {
      time.step += share[i] * p[i]->time.step;
      time.sync += share[i] * p[i]->time.sync;
    }
    break;
  }
  return found_[key] = time;
}

double Application::gain(int epoch, int batch) const {
  const auto right = std::lower_bound(batches_.begin(), batches_.end(), batch);
  HADAL_CHECK(right != batches_.end());
  const auto i = static_cast<size_t>(right - batches_.begin());
  const auto e = static_cast<size_t>(epoch);
  Gradient gradient = gradients_[i][e];
  if (*right != batch) {
    HADAL_CHECK(i > 0);
    const Gradient& left = gradients_[i - 1][e];
    const double part = static_cast<double>(batch - batches_[i - 1]) / (*right - batches_[i - 1]);
    gradient = {left.square + part * (gradient.square - left.square),
                left.variance + part * (gradient.variance - left.variance)};
  }
  return (gradient.variance + gradient.square) / (gradient.variance * initial_batch() / batch + gradient.square);
}

}  // namespace hadal::cluster
