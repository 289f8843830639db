#include "market/portfolio/polish.h"

#include <algorithm>
#include <cmath>

#include "market/portfolio/linear.h"

namespace hadal::market::qp {
namespace {

constexpr int64_t kStepsOfAll = 20;  // then one correction at a time: all at once may run in circles

double largest_of(const std::vector<double>& values) {
  double largest = 0;  // NaN where one is
  for (const double value : values)
    if (!(std::fabs(value) <= largest)) largest = std::isnan(largest) ? largest : std::fabs(value);
  return largest;
}

class Polisher {
 public:
  Polisher(const QuadraticProgram& program, const Bounds& bounds, const Kinks& kinks)
      : program_(program),
        bounds_(bounds),
        kinks_(kinks),
        curvature_(std::max(largest_diagonal(program), 1e-300)),
        slack_(1e-13 * (1 + largest_of(program.linear))) {}

  Polished run(const Point& start, ActiveSet active, int64_t most_steps) {
    Polished best{start, active, residual_of(program_, bounds_, kinks_, start), 0};
    std::vector<ActiveSet> seen;
    Point point = start;
    while (best.steps < most_steps) {
      ++best.steps;
      solve(active, point);
      const double residual = residual_of(program_, bounds_, kinks_, point);
      if (!std::isfinite(residual)) break;
      if (!(residual > best.residual)) {
        best.residual = residual;
        best.point = point;
        best.active = active;
      }
      seen.push_back(active);
      corrections_.clear();
      find_corrections(active, point);
      if (corrections_.empty()) break;
      const bool all = best.steps < kStepsOfAll;
      std::sort(corrections_.begin(), corrections_.end(),
                [](const Correction& a, const Correction& b) { return a.by > b.by; });
      if (!correct(active, seen, all)) break;
    }
    return best;
  }

 private:
  struct Correction {
    double by;  // how much it contradicts
    enum class Of { place, row, term } of;
    size_t index;
    int to;
  };

  static void apply(const Correction& c, ActiveSet& set) {
    if (c.of == Correction::Of::place)
      set.place[c.index] = c.to;
    else if (c.of == Correction::Of::row)
      set.rows[c.index] = static_cast<RowState>(c.to);
    else
      set.terms[c.index] = static_cast<char>(c.to);
  }

  // To a set that was not seen yet: by all corrections, else by the largest one that leads to one.
  bool correct(ActiveSet& active, const std::vector<ActiveSet>& seen, bool all) const {
    const auto is_new = [&](const ActiveSet& set) { return std::find(seen.begin(), seen.end(), set) == seen.end(); };
    if (all) {
      ActiveSet next = active;
      for (const Correction& c : corrections_) apply(c, next);
      if (is_new(next)) {
        active = std::move(next);
        return true;
      }
    }
    for (const Correction& c : corrections_) {
      ActiveSet next = active;
      apply(c, next);
      if (is_new(next)) {
        active = std::move(next);
        return true;
      }
    }
    return false;
  }

  void solve(const ActiveSet& active, Point& point) const {
    const size_t n = program_.size;
    std::vector<uint32_t> free;
    for (size_t i = 0; i < n; ++i) {
      if (Kinks::at_cut(active.place[i]))
        point.x[i] = kinks_.cut(i, active.place[i] / 2);
      else
        free.push_back(static_cast<uint32_t>(i));
    }
    std::vector<size_t> rows, terms;
    std::vector<double> equal;
    for (size_t r = 0; r < active.rows.size(); ++r) {
      if (active.rows[r] == RowState::free) {
        point.row[r] = 0;
        continue;
      }
      rows.push_back(r);
      for (const uint32_t i : free) equal.push_back(program_.rows[r * n + i]);
    }
    for (size_t j = 0; j < active.terms.size(); ++j) {
      if (!active.terms[j]) {
        point.term[j] = 0;
        continue;
      }
      terms.push_back(j);
      for (const uint32_t i : free) equal.push_back(kinks_.sign(i, active.place[i], j));
    }
    // Without free variables nothing can be solved for; the multipliers will free some.
    const EqualitySystem system(program_, free, equal, rows.size() + terms.size());
    double before = 0;
    for (int round = 0; round < 8; ++round) {
      std::vector<double> a(free.size()), b;
      const std::vector<double> g = gradient_of(program_, point);
      for (size_t f = 0; f < free.size(); ++f) {
        const size_t i = free[f];
        a[f] = -g[i];
        for (size_t j = 0; j < program_.terms.size(); ++j) {
          const double weight = program_.terms[j].cost[i] + point.term[j];
          if (weight != 0) a[f] -= weight * kinks_.sign(i, active.place[i], j);
        }
      }
      const std::vector<double> values = row_values(program_, point.x);
      for (const size_t r : rows)
        b.push_back((active.rows[r] == RowState::at_lower ? bounds_.row_lower[r] : bounds_.row_upper[r]) - values[r]);
      for (const size_t j : terms) b.push_back(bounds_.term[j] - signed_sum(active, point.x, j));
      const double wrong = std::max(largest_of(a), largest_of(b));
      // Nothing left, or no less than before: rounding, or a system without a solution.
      if (!std::isfinite(wrong) || wrong == 0 || (round > 1 && wrong > 0.5 * before)) break;
      before = wrong;
      system.solve(a, b);
      for (size_t f = 0; f < free.size(); ++f) point.x[free[f]] += a[f];
      for (size_t k = 0; k < rows.size(); ++k) point.row[rows[k]] += b[k];
      for (size_t k = 0; k < terms.size(); ++k) point.term[terms[k]] += b[rows.size() + k];
    }
  }

  // sum of |x - reference| as it continues beyond the segments' ends
  double signed_sum(const ActiveSet& active, const std::vector<double>& x, size_t j) const {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double away = x[i] - program_.terms[j].reference[i];
      sum += Kinks::at_cut(active.place[i]) ? std::fabs(away) : away * kinks_.sign(i, active.place[i], j);
    }
    return sum;
  }

  void find_corrections(const ActiveSet& active, const Point& point) {
    const std::vector<double> g = gradient_of(program_, point), values = row_values(program_, point.x);
    const auto note = [&](double by, Correction::Of of, size_t index, int to) {
      corrections_.push_back({by, of, index, to});
    };
    for (size_t i = 0; i < program_.size; ++i) {
      const int place = active.place[i];
      if (Kinks::at_cut(place)) {
        const double left = kinks_.slope(i, place - 1, point.term), right = kinks_.slope(i, place + 1, point.term);
        if (-g[i] > right + slack_) note(-g[i] - right, Correction::Of::place, i, place + 1);
        if (-g[i] < left - slack_) note(left + g[i], Correction::Of::place, i, place - 1);
      } else {
        const double begin = kinks_.segment_begin(i, place), end = kinks_.segment_end(i, place);
        if (point.x[i] < begin - 1e-14) note((begin - point.x[i]) * curvature_, Correction::Of::place, i, place - 1);
        if (point.x[i] > end + 1e-14) note((point.x[i] - end) * curvature_, Correction::Of::place, i, place + 1);
      }
    }
    for (size_t r = 0; r < active.rows.size(); ++r) {
      const double tolerance = 1e-13 * (1 + std::fabs(values[r]));
      const int free = static_cast<int>(RowState::free);
      if (active.rows[r] == RowState::free) {
        if (const double by = bounds_.row_lower[r] - values[r]; by > tolerance)
          note(by * curvature_, Correction::Of::row, r, static_cast<int>(RowState::at_lower));
        if (const double by = values[r] - bounds_.row_upper[r]; by > tolerance)
          note(by * curvature_, Correction::Of::row, r, static_cast<int>(RowState::at_upper));
      } else if (bounds_.row_lower[r] != bounds_.row_upper[r]) {
        const double against = point.row[r] * (active.rows[r] == RowState::at_lower ? 1 : -1);
        if (against > slack_) note(against, Correction::Of::row, r, free);
      }
    }
    for (size_t j = 0; j < active.terms.size(); ++j) {
      const double over = distance_sum(program_.terms[j], point.x) - bounds_.term[j];
      if (!active.terms[j] && over > 1e-13 * (1 + bounds_.term[j])) note(over * curvature_, Correction::Of::term, j, 1);
      if (active.terms[j] && point.term[j] < -slack_) note(-point.term[j], Correction::Of::term, j, 0);
    }
  }

  const QuadraticProgram& program_;
  const Bounds& bounds_;
  const Kinks& kinks_;
  const double curvature_, slack_;
  std::vector<Correction> corrections_;
};

}  // namespace

Polished polish(const QuadraticProgram& program, const Bounds& bounds, const Kinks& kinks, const Point& start,
                ActiveSet active, int64_t most_steps) {
  return Polisher(program, bounds, kinks).run(start, std::move(active), most_steps);
}

}  // namespace hadal::market::qp
