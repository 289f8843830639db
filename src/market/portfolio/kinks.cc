#include "market/portfolio/kinks.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hadal::market::qp {

namespace {
constexpr double kNone = std::numeric_limits<double>::infinity();
}

Bounds bounds_of(const QuadraticProgram& program, const std::vector<bool>& kept) {
  Bounds b{std::vector<double>(program.size, -kNone), std::vector<double>(program.size, kNone),
           std::vector<double>(program.num_rows(), -kNone), std::vector<double>(program.num_rows(), kNone),
           std::vector<double>(program.terms.size(), kNone)};
  for (size_t l = 0; l < program.limits.size(); ++l) {
    if (!kept.empty() && !kept[l]) continue;
    for (const Limit::Part& part : program.limits[l].parts) {
      const auto raise = [&](double& bound) { bound = std::max(bound, part.value); };
      const auto reduce = [&](double& bound) { bound = std::min(bound, part.value); };
      switch (part.on) {
        case Limit::On::lower:
          raise(b.lower[part.index]);
          break;
        case Limit::On::upper:
          reduce(b.upper[part.index]);
          break;
        case Limit::On::row_lower:
          raise(b.row_lower[part.index]);
          break;
        case Limit::On::row_upper:
          reduce(b.row_upper[part.index]);
          break;
        case Limit::On::term:
          reduce(b.term[part.index]);
          break;
      }
    }
  }
  return b;
}

Kinks::Kinks(const QuadraticProgram& program, const Bounds& bounds) : program_(program), bounds_(bounds) {
  first_.push_back(0);
  for (size_t i = 0; i < program.size; ++i) {
    std::vector<double> cuts;
    const double lower = bounds.lower[i], upper = bounds.upper[i];
    if (lower > -kNone) cuts.push_back(lower);
    for (size_t j = 0; j < program.terms.size(); ++j) {
      const AbsoluteTerm& term = program.terms[j];
      const bool bends = term.cost[i] > 0 || bounds.term[j] < kNone;
      if (bends && term.reference[i] > lower && term.reference[i] < upper) cuts.push_back(term.reference[i]);
    }
    if (upper < kNone) cuts.push_back(upper);
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    cuts_.insert(cuts_.end(), cuts.begin(), cuts.end());
    first_.push_back(cuts_.size());
  }
}

double Kinks::segment_begin(size_t i, int place) const { return place == 0 ? -kNone : cut(i, place / 2 - 1); }

double Kinks::segment_end(size_t i, int place) const { return place == 2 * num_cuts(i) ? kNone : cut(i, place / 2); }

int Kinks::sign(size_t i, int segment, size_t term) const {
  const double begin = segment_begin(i, segment);
  // The segment before the first cut lies left of every reference that bends there.
  if (begin == -kNone && num_cuts(i) > 0) return program_.terms[term].reference[i] >= cut(i, 0) ? -1 : 1;
  return program_.terms[term].reference[i] <= begin ? 1 : -1;
}

double Kinks::slope(size_t i, int segment, const std::vector<double>& term_multipliers) const {
  if (segment == 0 && bounds_.lower[i] > -kNone) return -kNone;
  if (segment == 2 * num_cuts(i) && bounds_.upper[i] < kNone) return kNone;
  double sum = 0;
  for (size_t j = 0; j < program_.terms.size(); ++j) {
    const double weight = program_.terms[j].cost[i] + std::max(0.0, term_multipliers[j]);
    if (weight > 0) sum += weight * sign(i, segment, j);
  }
  return sum;
}

Kinks::Landing Kinks::land(size_t i, double target, double step, const std::vector<double>& term_multipliers) const {
  const int cuts = num_cuts(i);
  for (int t = 0; t < cuts; ++t) {
    const double at = cut(i, t);
    const double before = target - step * slope(i, 2 * t, term_multipliers);  // where the segment before would lead
    if (before < at) return {before, 2 * t};
    if (target - step * slope(i, 2 * t + 2, term_multipliers) <= at) return {at, 2 * t + 1};
  }
  return {target - step * slope(i, 2 * cuts, term_multipliers), 2 * cuts};
}

int Kinks::place_of(size_t i, double x, double near) const {
  const int cuts = num_cuts(i);
  int nearest = -1;
  for (int t = 0; t < cuts; ++t)
    if (std::fabs(x - cut(i, t)) <= near && (nearest < 0 || std::fabs(x - cut(i, t)) < std::fabs(x - cut(i, nearest))))
      nearest = t;
  if (nearest >= 0) return 2 * nearest + 1;
  int t = 0;
  while (t < cuts && cut(i, t) < x) ++t;
  if (t == 0 && bounds_.lower[i] > -kNone) return 1;
  if (t == cuts && bounds_.upper[i] < kNone) return 2 * cuts - 1;
  return 2 * t;
}

std::vector<double> gradient_of(const QuadraticProgram& program, const Point& point) {
  const size_t n = program.size;
  const std::vector<double>& x = point.x;
  std::vector<double> g = program.linear;
  if (!program.dense.empty())
    for (size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (size_t k = 0; k < n; ++k) sum += program.dense[i * n + k] * x[k];
      g[i] += sum;
    }
  if (!program.diagonal.empty())
    for (size_t i = 0; i < n; ++i) g[i] += program.diagonal[i] * x[i];
  const auto add = [&](const double* row, double times) {
    if (times == 0) return;
    for (size_t i = 0; i < n; ++i) g[i] += times * row[i];
  };
  for (size_t f = 0; f < program.num_factors(); ++f) {
    const double* row = program.factors.data() + f * n;
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += row[i] * x[i];
    add(row, sum);
  }
  for (size_t r = 0; r < program.num_rows(); ++r) add(program.rows.data() + r * n, point.row[r]);
  return g;
}

std::vector<double> row_values(const QuadraticProgram& program, const std::vector<double>& x) {
  std::vector<double> values(program.num_rows());
  for (size_t r = 0; r < values.size(); ++r)
    for (size_t i = 0; i < program.size; ++i) values[r] += program.rows[r * program.size + i] * x[i];
  return values;
}

double distance_sum(const AbsoluteTerm& term, const std::vector<double>& x) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += std::fabs(x[i] - term.reference[i]);
  return sum;
}

double objective_of(const QuadraticProgram& program, const std::vector<double>& x) {
  const std::vector<double> g =
      gradient_of(program, {x, std::vector<double>(program.num_rows()), std::vector<double>(program.terms.size())});
  double value = program.constant;
  for (size_t i = 0; i < x.size(); ++i) {
    value += 0.5 * (g[i] + program.linear[i]) * x[i];
    for (const AbsoluteTerm& term : program.terms) value += term.cost[i] * std::fabs(x[i] - term.reference[i]);
  }
  return program.maximise ? -value : value;
}

double residual_of(const QuadraticProgram& program, const Bounds& bounds, const Kinks& kinks, const Point& point) {
  const std::vector<double> g = gradient_of(program, point), values = row_values(program, point.x);
  double worst = 0, scale = 1;
  const auto take = [&](double violation) {  // what is no number is the worst
    const double by = std::isnan(violation) ? kNone : std::fabs(violation);
    worst = std::max(worst, by);
  };
  for (size_t i = 0; i < program.size; ++i) {
    scale = std::max(scale, 1 + std::fabs(program.linear[i]));
    take(point.x[i] - kinks.land(i, point.x[i] - g[i], 1, point.term).z);
  }
  for (size_t r = 0; r < values.size(); ++r)
    take(values[r] - std::min(std::max(values[r] + point.row[r], bounds.row_lower[r]), bounds.row_upper[r]));
  for (size_t j = 0; j < program.terms.size(); ++j) {
    if (bounds.term[j] == kNone)
      take(point.term[j]);
    else
      take(std::min(point.term[j], bounds.term[j] - distance_sum(program.terms[j], point.x)));
  }
  return worst / scale;
}

double largest_diagonal(const QuadraticProgram& program) {
  const size_t n = program.size;
  double largest = 0;
  for (size_t i = 0; i < n; ++i) {
    double sum = 0;
    if (!program.dense.empty()) sum += program.dense[i * n + i];
    if (!program.diagonal.empty()) sum += program.diagonal[i];
    for (size_t f = 0; f < program.num_factors(); ++f) sum += program.factors[f * n + i] * program.factors[f * n + i];
    largest = std::max(largest, sum);
  }
  return largest;
}

ActiveSet active_set_of(const QuadraticProgram& program, const Bounds& bounds, const Kinks& kinks, const Point& point,
                        double near, bool by_multipliers) {
  ActiveSet set;
  const double curvature = largest_diagonal(program), step = curvature > 0 ? 1 / curvature : 1;
  const std::vector<double> g = gradient_of(program, point), values = row_values(program, point.x);
  for (size_t i = 0; i < program.size; ++i)
    set.place.push_back(by_multipliers ? kinks.land(i, point.x[i] - step * g[i], step, point.term).place
                                       : kinks.place_of(i, point.x[i], near));
  for (size_t r = 0; r < values.size(); ++r) {
    const double from_lower = values[r] - bounds.row_lower[r], from_upper = bounds.row_upper[r] - values[r];
    RowState state = RowState::free;
    if (bounds.row_lower[r] == bounds.row_upper[r])
      state = RowState::at_lower;
    else if (by_multipliers ? from_lower < -step * point.row[r] : from_lower <= near)
      state = RowState::at_lower;
    else if (by_multipliers ? from_upper < step * point.row[r] : from_upper <= near)
      state = RowState::at_upper;
    set.rows.push_back(state);
  }
  for (size_t j = 0; j < program.terms.size(); ++j) {
    const double slack = bounds.term[j] - distance_sum(program.terms[j], point.x);
    set.terms.push_back(by_multipliers ? slack < step * point.term[j] : slack <= near);
  }
  return set;
}

}  // namespace hadal::market::qp
