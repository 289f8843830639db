#include "market/forecast/gram.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/threads.h"

namespace hadal::market::forecast {
namespace {

// Tiles of 4 x 8 sums stay in registers while `kSlab` samples, which fit in the second cache, go by. The vectors are
// GCC's: the same operations one by one on a CPU without AVX2, hence the same bits. There is no fused multiply-add in
// either build.
constexpr size_t kSlab = 64, kTileRows = 4, kTileColumns = 8;
typedef double Vector __attribute__((vector_size(32)));
constexpr size_t kLanes = 4;

[[gnu::always_inline]] inline void load(Vector& vector, const double* from) {
  std::memcpy(&vector, from, sizeof vector);
}

[[gnu::always_inline]] inline void tile(const double* samples, size_t num_samples, size_t stride, size_t i, size_t j,
                                        double* sums) {
  Vector total[kTileRows][2] = {};
  for (size_t s = 0; s < num_samples; ++s) {
    const double* x = samples + s * stride;
    Vector right[2];
    load(right[0], x + j);
    load(right[1], x + j + kLanes);
    for (size_t r = 0; r < kTileRows; ++r) {
      total[r][0] += x[i + r] * right[0];
      total[r][1] += x[i + r] * right[1];
    }
  }
  for (size_t r = 0; r < kTileRows; ++r) {
    for (size_t half = 0; half < 2; ++half) {
      double* at = sums + (i + r) * stride + j + half * kLanes;
      Vector sum;
      load(sum, at);
      sum += total[r][half];
      std::memcpy(at, &sum, sizeof sum);
    }
  }
}

// Four rows of the matrix, from the diagonal on.
[[gnu::always_inline]] inline void strip(const double* samples, size_t num_samples, size_t stride, size_t i,
                                         double* sums) {
  for (size_t j = i / kTileColumns * kTileColumns; j < stride; j += kTileColumns)
    tile(samples, num_samples, stride, i, j, sums);
}

void strip_plain(const double* samples, size_t num_samples, size_t stride, size_t i, double* sums) {
  strip(samples, num_samples, stride, i, sums);
}
#if defined(__x86_64__)
[[gnu::target("avx2")]] void strip_avx2(const double* samples, size_t num_samples, size_t stride, size_t i,
                                        double* sums) {
  strip(samples, num_samples, stride, i, sums);
}
#endif

using Strip = void (*)(const double*, size_t, size_t, size_t, double*);
Strip best_strip() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return strip_avx2;
#endif
  return strip_plain;
}

}  // namespace

void Gram::add(const double* samples, size_t num_samples) {
  static const Strip run = best_strip();
  const auto num_strips = static_cast<int64_t>(stride_ / kTileRows);
  for (size_t first = 0; first < num_samples; first += kSlab) {
    const size_t slab = std::min(kSlab, num_samples - first);
    ThreadPool::shared().parallel_for(num_strips, [&](int64_t index, int) {
      run(samples + first * stride_, slab, stride_, static_cast<size_t>(index) * kTileRows, sums_.data());
    });
  }
}

void Gram::add(const Gram& other) {
  HADAL_CHECK(other.stride_ == stride_, "matrices of {} and {}", stride_, other.stride_);
  for (size_t i = 0; i < sums_.size(); ++i) sums_[i] += other.sums_[i];
}

}  // namespace hadal::market::forecast
