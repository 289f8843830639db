// What the numeric tests of ops and model share: random operands, comparisons, a walk over the CPU levels. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kernels/cpu.h"
#include "ops/ops.h"

namespace hadal::test {

inline Tensor random_tensor(Shape shape, uint64_t seed, float scale = 1, float mean = 0) {
  Tensor t(std::move(shape));
  Rng rng(seed);
  for (float& v : t.values()) v = mean + scale * rng.normal();
  return t;
}

inline Tensor rows_of(const Tensor& t, int64_t begin, int64_t end) {
  return Tensor::from({end - begin, t.cols()}, {t.row(begin), static_cast<size_t>((end - begin) * t.cols())});
}

inline bool same_bits(const float* a, const float* b, int64_t n) {
  return std::memcmp(a, b, static_cast<size_t>(n) * 4) == 0;
}

// Compares every row of `part` with the rows of `whole` from `first` on, bit for bit.
inline void expect_same_rows(const Tensor& whole, int64_t first, const Tensor& part, const std::string& what) {
  ASSERT_EQ(whole.cols(), part.cols()) << what;
  ASSERT_LE(first + part.rows(), whole.rows()) << what;
  for (int64_t r = 0; r < part.rows(); ++r)
    for (int64_t c = 0; c < part.cols(); ++c)
      ASSERT_TRUE(same_bits(whole.row(first + r) + c, part.row(r) + c, 1))
          << what << ": row " << first + r << ", column " << c << ": " << whole.row(first + r)[c] << " and "
          << part.row(r)[c];
}

// The largest difference, as a part of the root mean square of what is wanted.
inline double relative_error(std::span<const float> found, std::span<const double> wanted) {
  if (found.size() != wanted.size()) return INFINITY;
  double worst = 0, squares = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double difference = std::abs(double{found[i]} - wanted[i]);
    if (!(difference <= worst)) worst = difference;  // a NaN stays
    squares += wanted[i] * wanted[i];
  }
  return worst / std::max(std::sqrt(squares / static_cast<double>(std::max<size_t>(1, wanted.size()))), 1e-30);
}

inline std::vector<double> doubles(std::span<const float> x) { return {x.begin(), x.end()}; }
inline std::vector<double> doubles(const Tensor& x) { return doubles(x.values()); }

inline const char* precision_name(Precision p) { return p == Precision::f32 ? "f32" : "bf16"; }
inline constexpr Precision kPrecisions[] = {Precision::f32, Precision::bf16};

// Tensors of tests are too small to gain from threads; on a busy machine waiting for them takes most of the time.
inline Context one_thread(Precision precision, Tape* tape = nullptr) {
  static ThreadPool pool(1);
  return {.tape = tape, .precision = precision, .pool = &pool};
}

// Runs fn at every CPU level of this machine. Packed matrices do not outlive a level: make the weights within fn.
template <typename F>
void at_every_level(F&& fn) {
  const CpuLevel before = cpu_level();
  for (CpuLevel level : cpu_levels_present()) {
    SCOPED_TRACE(std::string("level ") + std::string(cpu_level_name(level)));
    force_cpu_level(level);
    fn();
  }
  force_cpu_level(before);
}

template <typename F>
void at_every_level_and_precision(F&& fn) {
  at_every_level([&] {
    for (Precision precision : kPrecisions) {
      SCOPED_TRACE(precision_name(precision));
      fn(one_thread(precision));
    }
  });
}

}  // namespace hadal::test
