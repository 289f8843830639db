// Sums of products of samples, in one fixed order of operations: the same bits for any number of threads and any CPU.
#pragma once

#include <cstddef>
#include <vector>

namespace hadal::market::forecast {

// A symmetric matrix of sums over samples x: sum of x x'. Only the upper triangle is defined.
class Gram {
 public:
  explicit Gram(size_t width) : width_(width), stride_((width + 7) / 8 * 8), sums_(stride_ * stride_, 0) {}

  size_t width() const { return width_; }
  size_t stride() const { return stride_; }  // of the rows that add() takes: `width` rounded up; what is behind is 0
  double at(size_t i, size_t j) const { return i <= j ? sums_[i * stride_ + j] : sums_[j * stride_ + i]; }

  // samples: [num_samples][stride].
  void add(const double* samples, size_t num_samples);
  void add(const Gram& other);

 private:
  size_t width_, stride_;
  std::vector<double> sums_;  // [stride][stride]
};

}  // namespace hadal::market::forecast
