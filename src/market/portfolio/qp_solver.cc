#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "market/optimize.h"
#include "market/portfolio/clp.h"
#include "market/portfolio/conflict.h"
#include "market/portfolio/interior.h"
#include "market/portfolio/linear.h"
#include "market/portfolio/polish.h"

namespace hadal::market {

namespace {

constexpr double kRounding = 1e-12;  // of x: what a polish comes to at the solution; above, other ways are tried
constexpr int64_t kFewSteps = 30, kManySteps = 120;
constexpr double kNearClp = 1e-7;       // how near to a bound Clp leaves what stands at it
constexpr double kConvexWithin = 1e-9;  // of the largest diagonal entry

void check_numbers(const std::vector<double>& values, size_t expected, bool may_lack, const char* name) {
  if (may_lack && values.empty()) return;
  if (values.size() != expected) fail("{}: expected {} numbers, found {}", name, expected, values.size());
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i])) fail("{}: expected finite numbers, found {} at {}", name, values[i], i);
}

void check_at_least_zero(const std::vector<double>& values, const char* name) {
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i] < 0) fail("{}: expected numbers that are not negative, found {} at {}", name, values[i], i);
}

void check_program(const QuadraticProgram& p) {
  const size_t n = p.size;
  if (n == 0) fail("a quadratic program: expected at least one variable, found none");
  check_numbers(p.linear, n, false, "q");
  check_numbers(p.dense, n * n, true, p.called.c_str());
  check_numbers(p.diagonal, n, true, "P's diagonal");
  check_at_least_zero(p.diagonal, "P's diagonal");
  check_numbers(p.factors, p.num_factors() * n, false, "P's factors");
  check_numbers(p.rows, p.num_rows() * n, false, "A");
  HADAL_CHECK(p.terms.size() <= 2, "{} absolute terms", p.terms.size());
  for (const AbsoluteTerm& term : p.terms) {
    check_numbers(term.reference, n, false, "reference");
    check_numbers(term.cost, n, false, "cost");
    check_at_least_zero(term.cost, "cost");
  }
  if (p.dense.empty()) return;
  double largest = 0;
  for (const double value : p.dense) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < n; ++i)
    for (size_t k = 0; k < i; ++k)
      if (std::fabs(p.dense[i * n + k] - p.dense[k * n + i]) > 1e-9 * largest)
        fail(
            "{}: expected a symmetric matrix, found {} at ({}, {}) and {} at ({}, {}); give the mean of it and its "
            "transpose",
            p.called, p.dense[i * n + k], i, k, p.dense[k * n + i], k, i);
  if (const double smallest = qp::negative_eigenvalue(p.dense, n, kConvexWithin); smallest < 0)
    fail(
        "{}: expected a positive semidefinite matrix (a convex problem), found the eigenvalue {:.3g}; check its signs, "
        "or "
        "add a little to its diagonal where rounding did it",
        p.called, smallest);
}

}  // namespace

namespace {

bool is_boxed(const qp::Bounds& bounds) {
  const auto finite = [](double value) { return std::isfinite(value); };
  return std::all_of(bounds.lower.begin(), bounds.lower.end(), finite) &&
         std::all_of(bounds.upper.begin(), bounds.upper.end(), finite);
}

qp::Point start_of(const QuadraticProgram& program, const qp::Bounds& bounds) {
  qp::Point point{std::vector<double>(program.size), std::vector<double>(program.num_rows()),
                  std::vector<double>(program.terms.size())};
  for (size_t i = 0; i < program.size; ++i) {
    const double held = program.terms.empty() ? 0 : program.terms[0].reference[i];
    point.x[i] = std::min(std::max(held, bounds.lower[i]), bounds.upper[i]);
  }
  return point;
}

}  // namespace

struct QpSolver::State {
  QuadraticProgram program;
  qp::Bounds bounds;
  bool crossed = false;  // a lower bound above its upper one
  bool warm = false;
  qp::Point last;
  qp::ActiveSet active;

  // Of the last solution: what stood still stands still again.
  void follow(const std::vector<double>& old_reference, const std::vector<double>& reference) {
    for (size_t i = 0; i < reference.size(); ++i) {
      const bool at_bound = last.x[i] == bounds.lower[i] || last.x[i] == bounds.upper[i];
      if (last.x[i] == old_reference[i] && !at_bound) last.x[i] = reference[i];
    }
  }
};

QpSolver::QpSolver(QuadraticProgram program) : state_(std::make_unique<State>()) { set_program(std::move(program)); }

void QpSolver::set_program(QuadraticProgram program) {
  check_program(program);
  const QuadraticProgram old = std::exchange(state_->program, std::move(program));
  QuadraticProgram& p = state_->program;
  if (!p.dense.empty())  // to the last bit: one triangle is read for both
    for (size_t i = 0; i < p.size; ++i)
      for (size_t k = 0; k < i; ++k)
        p.dense[i * p.size + k] = p.dense[k * p.size + i] = 0.5 * (p.dense[i * p.size + k] + p.dense[k * p.size + i]);
  const qp::Bounds& b = state_->bounds = qp::bounds_of(p);
  state_->crossed = false;
  for (size_t i = 0; i < p.size; ++i) state_->crossed |= b.lower[i] > b.upper[i];
  for (size_t r = 0; r < p.num_rows(); ++r) state_->crossed |= b.row_lower[r] > b.row_upper[r];
  state_->warm =
      state_->warm && old.size == p.size && old.num_rows() == p.num_rows() && old.terms.size() == p.terms.size();
  for (size_t term = 0; state_->warm && term < p.terms.size(); ++term)
    state_->follow(old.terms[term].reference, p.terms[term].reference);
}

QpSolver::~QpSolver() = default;
QpSolver::QpSolver(QpSolver&&) noexcept = default;

void QpSolver::set_linear(std::vector<double> linear, double constant) {
  check_numbers(linear, state_->program.size, false, "q");
  state_->program.linear = std::move(linear);
  state_->program.constant = constant;
}

void QpSolver::set_reference(size_t term, std::vector<double> reference) {
  HADAL_CHECK(term < state_->program.terms.size(), "term {}", term);
  check_numbers(reference, state_->program.size, false, "reference");
  std::vector<double>& old = state_->program.terms[term].reference;
  if (state_->warm) state_->follow(old, reference);
  old = std::move(reference);
}

Optimum QpSolver::solve() {
  const Stopwatch watch;
  State& s = *state_;
  const QuadraticProgram& p = s.program;
  Optimum optimum;
  const auto infeasible = [&] {
    optimum.conflict = qp::conflict_of(p);
    if (!optimum.conflict.empty()) optimum.status = Optimum::Status::infeasible;
    optimum.milliseconds = watch.seconds() * 1e3;
    return !optimum.conflict.empty();
  };
  if (s.crossed && infeasible()) return optimum;

  const qp::Kinks kinks(p, s.bounds);
  qp::Polished best;
  best.residual = std::numeric_limits<double>::infinity();
  const auto scale = [&] {  // of x: a residual has its unit
    double largest = 1;
    for (const double x : best.point.x) largest = std::max(largest, std::fabs(x));
    return largest;
  };
  const auto reached = [&] { return best.residual <= kRounding * scale(); };
  const auto try_from = [&](const qp::Point& point, qp::ActiveSet active, int64_t most_steps) {
    qp::Polished polished = qp::polish(p, s.bounds, kinks, point, std::move(active), most_steps);
    optimum.iterations += polished.steps;
    if (best.point.x.empty() || polished.residual < best.residual) best = std::move(polished);
  };
  // From where things stand: the last solution, else what is held now, else nothing.
  if (s.warm) {
    qp::ActiveSet active = s.active;
    for (size_t i = 0; i < p.size; ++i) active.place[i] = kinks.place_of(i, s.last.x[i], 0);
    try_from(s.last, std::move(active), kFewSteps);
  } else {
    const qp::Point start = start_of(p, s.bounds);
    try_from(start, qp::active_set_of(p, s.bounds, kinks, start, 0, false), kFewSteps);
  }
  if (!reached()) {
    if (infeasible()) return optimum;
    if (!is_boxed(s.bounds) && qp::is_unbounded(p))
      fail(
          "expected an objective with a best value, found one that improves without end; limit the variables, or give "
          "P "
          "more rank");
    const qp::Lifted lifted = qp::lifted_of(p, s.bounds);
    const auto by_interior = [&] {
      const qp::InteriorAnswer interior = qp::interior_solve(lifted);
      optimum.iterations += interior.iterations;
      const qp::Point inner = lifted.point_of(interior.columns.data(), interior.multipliers.data());
      try_from(inner, qp::active_set_of(p, s.bounds, kinks, inner, 0, true), kManySteps);
    };
    const auto by_clp = [&] {
      const qp::ClpAnswer clp = qp::clp_solve(lifted);
      optimum.iterations += clp.iterations;
      const qp::Point point = lifted.point_of(clp.columns.data(), clp.multipliers.data());
      try_from(point, qp::active_set_of(p, s.bounds, kinks, point, kNearClp, false), kManySteps);
      if (!reached()) try_from(point, qp::active_set_of(p, s.bounds, kinks, point, 0, true), kManySteps);
    };
    // Corners are Clp's, curves are not: 4 s to the interior method's 0.7 for a full covariance of 500 assets.
    const bool corner = lifted.quadratic.rows.empty();
    corner ? by_clp() : by_interior();
    if (!reached()) corner ? by_interior() : by_clp();
  }
  optimum.status = best.residual <= kGoodResidual * scale() ? Optimum::Status::solved : Optimum::Status::not_reached;
  s.warm = optimum.status == Optimum::Status::solved;
  s.last = best.point;
  s.active = best.active;
  optimum.x = best.point.x;
  optimum.kkt_residual = best.residual;
  optimum.objective = qp::objective_of(p, optimum.x);
  optimum.milliseconds = watch.seconds() * 1e3;
  return optimum;
}

}  // namespace hadal::market
