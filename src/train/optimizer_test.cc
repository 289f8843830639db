#include "train/optimizer.h"

#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "train/schedule.h"
#include "train/testing/test_support.h"

namespace hadal {
namespace {

Param make_param(const std::string& name, Shape shape, ParamGroup group, uint64_t seed) {
  Param p;
  p.name = name;
  p.shape = shape;
  p.group = group;
  p.weight = Weight(Tensor(shape));
  Rng rng(seed);
  for (float& v : p.weight.value().values()) v = rng.normal();
  return p;
}

void set_gradient(Param& p, uint64_t seed) {
  Rng rng(seed);
  for (int64_t i = 0; i < p.weight.value().size(); ++i) p.weight.grad()[i] = rng.normal();
}

TEST(Schedule, WarmsUpStaysAndFalls) {
  const Schedule s{10, 0.5, 0.1};
  EXPECT_NEAR(s.factor(0, 0.0), 0.1, 1e-12);
  EXPECT_NEAR(s.factor(9, 0.1), 1.0, 1e-12);
  EXPECT_NEAR(s.factor(50, 0.5), 1.0, 1e-12);
  EXPECT_NEAR(s.factor(75, 0.75), 0.55, 1e-12);
  EXPECT_NEAR(s.factor(100, 1.0), 0.1, 1e-12);
  EXPECT_NEAR((Schedule{0, 0.0, 0.0}.factor(99, 1.0)), 1.0, 1e-12);
}

// x x^T near the identity (of the smaller side), and the same singular vectors: u^T x v stays diagonal and positive.
TEST(Orthogonalise, BringsSingularValuesNearOne) {
  ThreadPool pool(1);
  for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{24, 40}, {40, 24}, {32, 32}}) {
    Tensor x({rows, cols});
    Rng rng(static_cast<uint64_t>(rows));
    for (float& v : x.values()) v = rng.normal();
    const std::vector<float> before(x.values().begin(), x.values().end());
    orthogonalise(x.f32(), rows, cols, Precision::f32, pool);
    double trace = 0, overlap = 0;
    for (int64_t i = 0; i < rows * cols; ++i) {
      trace += static_cast<double>(x.f32()[i]) * x.f32()[i];
      overlap += static_cast<double>(x.f32()[i]) * before[static_cast<size_t>(i)];
    }
    const double small = static_cast<double>(std::min(rows, cols));
    EXPECT_GT(trace / small, 0.5);  // the mean squared singular value
    EXPECT_LT(trace / small, 1.4);
    EXPECT_GT(overlap, 0);
    // No direction is blown up: the power method's largest singular value.
    std::vector<double> v(static_cast<size_t>(cols), 1.0);
    double largest = 0;
    for (int turn = 0; turn < 50; ++turn) {
      std::vector<double> u(static_cast<size_t>(rows)), w(static_cast<size_t>(cols));
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < cols; ++c) u[static_cast<size_t>(r)] += x.row(r)[c] * v[static_cast<size_t>(c)];
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < cols; ++c) w[static_cast<size_t>(c)] += x.row(r)[c] * u[static_cast<size_t>(r)];
      double norm = 0;
      for (const double e : w) norm += e * e;
      norm = std::sqrt(norm);
      largest = std::sqrt(norm);
      for (size_t c = 0; c < v.size(); ++c) v[c] = w[c] / norm;
    }
    EXPECT_LT(largest, 1.3);
    EXPECT_GT(largest, 0.6);
  }
}

TEST(Orthogonalise, LeavesZerosAlone) {
  ThreadPool pool(1);
  std::vector<float> x(12, 0.0f);
  orthogonalise(x.data(), 3, 4, Precision::bf16, pool);
  for (const float v : x) EXPECT_EQ(v, 0.0f);
}

// Two steps of AdamW and Muon against the formulas, written out in double.
TEST(Optimizer, FollowsItsFormulas) {
  ThreadPool pool(2);
  Param vector = make_param("v", {7}, ParamGroup::vector, 1), matrix = make_param("m", {6, 10}, ParamGroup::matrix, 2);
  vector.decay = false;
  OptimizerSpec spec;
  spec.weight_decay = 0.3;
  Optimizer optimizer({&vector, &matrix}, spec, pool);
  std::vector<double> w(vector.weight.value().values().begin(), vector.weight.value().values().end()), m(7), v(7);
  std::vector<float> matrix_before(matrix.weight.value().values().begin(), matrix.weight.value().values().end());
  for (int t = 1; t <= 2; ++t) {
    set_gradient(vector, 10 + static_cast<uint64_t>(t));
    set_gradient(matrix, 20 + static_cast<uint64_t>(t));
    for (size_t i = 0; i < 7; ++i) {
      const double g = 0.5 * vector.weight.grad()[i];
      m[i] = spec.beta1 * m[i] + (1 - spec.beta1) * g;
      v[i] = spec.beta2 * v[i] + (1 - spec.beta2) * g * g;
      w[i] -=
          0.02 * (m[i] / (1 - std::pow(spec.beta1, t))) / (std::sqrt(v[i] / (1 - std::pow(spec.beta2, t))) + spec.eps);
    }
    optimizer.step(0.01, 0.02, 0.5);
  }
  for (size_t i = 0; i < 7; ++i) EXPECT_NEAR(vector.weight.value().f32()[i], w[i], 1e-5);
  double moved = 0;
  for (size_t i = 0; i < 60; ++i)
    moved += std::pow(matrix.weight.value().f32()[i] - matrix_before[i] * std::pow(1 - 0.01 * 0.3, 2), 2);
  // Two orthogonal updates of the 6 x 10 matrix: each has a norm of about sqrt(6), times lr * 0.2 * sqrt(10).
  const double each = 0.01 * 0.2 * std::sqrt(10.0) * std::sqrt(6.0);
  EXPECT_GT(std::sqrt(moved), 0.8 * each);
  EXPECT_LT(std::sqrt(moved), 2.2 * each);
}

TEST(Optimizer, DoesNotDependOnTheNumberOfThreadsAndTreatsStacksAsMatrices) {
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2}) {
    ThreadPool pool(threads);
    Param stack = make_param("s", {3, 20, 12}, ParamGroup::matrix, 4),
          large = make_param("e", {300, 70}, ParamGroup::embedding, 5);
    Optimizer optimizer({&stack, &large}, OptimizerSpec{}, pool);
    for (uint64_t t = 0; t < 3; ++t) {
      set_gradient(stack, t);
      set_gradient(large, t + 50);
      optimizer.step(0.01, 0.01, 1.0 / optimizer.gradient_norm());
      optimizer.zero_gradients();
    }
    std::vector<float> all(stack.weight.value().values().begin(), stack.weight.value().values().end());
    all.insert(all.end(), large.weight.value().values().begin(), large.weight.value().values().end());
    results.push_back(all);
  }
  EXPECT_EQ(std::memcmp(results[0].data(), results[1].data(), results[0].size() * sizeof(float)), 0);

  // The second matrix of the stack alone gets the same update.
  ThreadPool pool(1);
  Param stack = make_param("s", {3, 20, 12}, ParamGroup::matrix, 4),
        alone = make_param("a", {20, 12}, ParamGroup::matrix, 9);
  std::memcpy(alone.weight.value().f32(), stack.weight.value().f32() + 240, 240 * sizeof(float));
  set_gradient(stack, 1);
  std::memcpy(alone.weight.grad(), stack.weight.grad() + 240, 240 * sizeof(float));
  Optimizer({&stack}, OptimizerSpec{}, pool).step(0.01, 0.01, 1);
  Optimizer({&alone}, OptimizerSpec{}, pool).step(0.01, 0.01, 1);
  EXPECT_EQ(std::memcmp(alone.weight.value().f32(), stack.weight.value().f32() + 240, 240 * sizeof(float)), 0);
}

TEST(Optimizer, SeesGradientsThatAreNotFinite) {
  ThreadPool pool(1);
  Param p = make_param("v", {50000}, ParamGroup::vector, 1);
  Optimizer optimizer({&p}, OptimizerSpec{}, pool);
  p.weight.grad()[49999] = 3;
  EXPECT_NEAR(optimizer.gradient_norm(), 3, 1e-6);
  p.weight.grad()[20000] = NAN;
  EXPECT_FALSE(std::isfinite(optimizer.gradient_norm()));
}

}  // namespace
}  // namespace hadal
