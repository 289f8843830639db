// The plainest way to solve a small strictly convex quadratic program: every set of limits is taken to hold with
// equality, and of the points that this gives the best one within all limits is the optimum. Tests only.
#pragma once

#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace hadal::market::test {

// min x'Px/2 + q'x with l <= Ax <= u; P positive definite [n][n], A [m][n].
struct SmallProgram {
  std::vector<double> p, q, a, l, u;
  size_t n() const { return q.size(); }
  size_t m() const { return l.size(); }
};

// Gaussian elimination with pivots from each column; nothing where the matrix is singular.
inline std::optional<std::vector<double>> eliminate(std::vector<std::vector<double>> rows) {
  const size_t n = rows.size();
  for (size_t c = 0; c < n; ++c) {
    size_t pivot = c;
    for (size_t r = c; r < n; ++r)
      if (std::fabs(rows[r][c]) > std::fabs(rows[pivot][c])) pivot = r;
    if (std::fabs(rows[pivot][c]) < 1e-11) return {};
    std::swap(rows[c], rows[pivot]);
    for (size_t r = 0; r < n; ++r) {
      if (r == c) continue;
      const double times = rows[r][c] / rows[c][c];
      for (size_t k = c; k <= n; ++k) rows[r][k] -= times * rows[c][k];
    }
  }
  std::vector<double> x(n);
  for (size_t c = 0; c < n; ++c) x[c] = rows[c][n] / rows[c][c];
  return x;
}

inline double value_of(const SmallProgram& s, const std::vector<double>& x) {
  double value = 0;
  for (size_t i = 0; i < s.n(); ++i) {
    value += s.q[i] * x[i];
    for (size_t k = 0; k < s.n(); ++k) value += 0.5 * s.p[i * s.n() + k] * x[i] * x[k];
  }
  return value;
}

// The optimum, or nothing where no point is within the limits.
inline std::optional<std::vector<double>> by_every_active_set(const SmallProgram& s) {
  std::optional<std::vector<double>> best;
  double least = std::numeric_limits<double>::infinity();
  std::vector<int> state(s.m());  // 0: not held, 1: at l, 2: at u
  while (true) {
    std::vector<std::pair<size_t, double>> held;
    bool possible = true;
    for (size_t r = 0; r < s.m(); ++r) {
      const double limit = state[r] == 1 ? s.l[r] : s.u[r];
      if (state[r] == 0) continue;
      if (!std::isfinite(limit) || held.size() == s.n()) possible = false;
      held.push_back({r, limit});
    }
    if (possible) {
      const size_t all = s.n() + held.size();
      std::vector<std::vector<double>> rows(all, std::vector<double>(all + 1));
      for (size_t i = 0; i < s.n(); ++i) {
        for (size_t k = 0; k < s.n(); ++k) rows[i][k] = s.p[i * s.n() + k];
        rows[i][all] = -s.q[i];
        for (size_t h = 0; h < held.size(); ++h)
          rows[i][s.n() + h] = rows[s.n() + h][i] = s.a[held[h].first * s.n() + i];
      }
      for (size_t h = 0; h < held.size(); ++h) rows[s.n() + h][all] = held[h].second;
      if (auto x = eliminate(std::move(rows))) {
        x->resize(s.n());
        bool within = true;
        for (size_t r = 0; r < s.m(); ++r) {
          double sum = 0;
          for (size_t i = 0; i < s.n(); ++i) sum += s.a[r * s.n() + i] * (*x)[i];
          within &= sum >= s.l[r] - 1e-9 && sum <= s.u[r] + 1e-9;
        }
        if (const double value = value_of(s, *x); within && value < least) {
          least = value;
          best = x;
        }
      }
    }
    size_t r = 0;
    while (r < s.m() && state[r] == 2) state[r++] = 0;
    if (r == s.m()) return best;
    ++state[r];
  }
}

}  // namespace hadal::market::test
