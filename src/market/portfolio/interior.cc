#include "market/portfolio/interior.h"

#include <algorithm>
#include <cmath>

#include "market/portfolio/linear.h"

namespace hadal::market::qp {
namespace {

// Minimise v'Qv/2 + c'v with Rv = t, v and t within bounds. The multiplier of Rv = t is `dual_`; z_low and z_up belong
// to the bounds of w = (v, t). At a solution Qv + c + R'dual = z_low - z_up for v, and -dual = z_low - z_up for t.
class InteriorPoint {
 public:
  explicit InteriorPoint(const Lifted& l) : l_(l), n_(l.num_columns), m_(l.num_rows), all_(n_ + m_) {
    low_ = l.lower;
    up_ = l.upper;
    low_.insert(low_.end(), l.row_lower.begin(), l.row_lower.end());
    up_.insert(up_.end(), l.row_upper.begin(), l.row_upper.end());
    for (size_t i = 0; i < all_; ++i) {
      fixed_.push_back(low_[i] == up_[i]);
      num_bounds_ += !fixed_[i] * (std::isfinite(low_[i]) + std::isfinite(up_[i]));
    }
    for (const double c : l.linear) scale_ = std::max(scale_, std::fabs(c));
    for (const double q : l.quadratic.values) quadratic_scale_ = std::max(quadratic_scale_, std::fabs(q));
    build_pattern();
  }

  InteriorAnswer run() {
    start();
    InteriorAnswer answer{w_, dual_, 0};
    double best = INFINITY;
    int stuck = 0;
    for (; answer.iterations < 100; ++answer.iterations) {
      residuals();
      const double gap = complementarity(0, {}, {}, {});
      const double wrong = std::max({norm(r_dual_) / (1 + scale_), norm(r_primal_), gap / (1 + scale_)});
      if (!std::isfinite(wrong) || !std::isfinite(norm(w_)) || !std::isfinite(norm(dual_))) break;
      stuck = wrong < 0.9 * best ? 0 : stuck + 1;
      if (wrong < best) {
        best = wrong;
        answer.columns.assign(w_.begin(), w_.begin() + static_cast<std::ptrdiff_t>(n_));
        answer.multipliers = dual_;
      }
      if (wrong < 1e-15 || stuck > 8 || !step(gap)) break;
    }
    answer.columns.resize(n_);
    return answer;
  }

 private:
  using Values = std::vector<double>;

  static double norm(const Values& values) {
    double largest = 0;
    for (const double value : values) {
      if (!std::isfinite(value)) return INFINITY;
      largest = std::max(largest, std::fabs(value));
    }
    return largest;
  }

  // K: Q and the bounds' barrier on the diagonal of v, R below, minus the inverse barrier of t on the rest.
  void build_pattern() {
    std::vector<int> begins{0}, rows;
    for (size_t c = 0; c < n_; ++c) {
      diagonal_at_.push_back(rows.size());
      rows.push_back(static_cast<int>(c));
      constant_.push_back(0);
      for (int e = l_.quadratic.begins[c]; e < l_.quadratic.begins[c + 1]; ++e) {
        const auto at = static_cast<size_t>(e);
        const auto r = static_cast<size_t>(l_.quadratic.rows[at]);
        if (r == c) {
          constant_.back() = l_.quadratic.values[at];
        } else {
          rows.push_back(static_cast<int>(r));
          constant_.push_back(fixed_[r] || fixed_[c] ? 0 : l_.quadratic.values[at]);
        }
      }
      // The diagonal's value came with `back()` only where it stands first, which lifted_of() sees to.
      for (int e = l_.matrix.begins[c]; e < l_.matrix.begins[c + 1]; ++e) {
        rows.push_back(static_cast<int>(n_) + l_.matrix.rows[static_cast<size_t>(e)]);
        constant_.push_back(fixed_[c] ? 0 : l_.matrix.values[static_cast<size_t>(e)]);
      }
      begins.push_back(static_cast<int>(rows.size()));
    }
    for (size_t r = 0; r < m_; ++r) {
      diagonal_at_.push_back(rows.size());
      rows.push_back(static_cast<int>(n_ + r));
      constant_.push_back(0);
      begins.push_back(static_cast<int>(rows.size()));
    }
    system_ = std::make_unique<SparseSystem>(begins, rows);
  }

  void start() {
    w_.assign(all_, 0.0);
    const auto inside = [&](size_t i, double value) {
      const double margin = std::min(1.0, 0.4 * (up_[i] - low_[i]));
      return fixed_[i] ? low_[i] : std::min(std::max(value, low_[i] + margin), up_[i] - margin);
    };
    for (size_t i = 0; i < n_; ++i) w_[i] = inside(i, 0);
    const Values rv = times_rows(w_);
    for (size_t r = 0; r < m_; ++r) w_[n_ + r] = inside(n_ + r, rv[r]);
    dual_.assign(m_, 0.0);
    z_low_.assign(all_, 0.0);
    z_up_.assign(all_, 0.0);
    for (size_t i = 0; i < all_; ++i) {
      if (fixed_[i]) continue;
      if (std::isfinite(low_[i])) z_low_[i] = scale_;
      if (std::isfinite(up_[i])) z_up_[i] = scale_;
    }
  }

  Values times_rows(const Values& v) const {
    Values out(m_);
    for (size_t c = 0; c < n_; ++c)
      for (int e = l_.matrix.begins[c]; e < l_.matrix.begins[c + 1]; ++e)
        out[static_cast<size_t>(l_.matrix.rows[static_cast<size_t>(e)])] +=
            l_.matrix.values[static_cast<size_t>(e)] * v[c];
    return out;
  }
  // Qv + R'y
  Values times_columns(const Values& v, const Values& y) const {
    Values out(n_);
    for (size_t c = 0; c < n_; ++c) {
      for (int e = l_.quadratic.begins[c]; e < l_.quadratic.begins[c + 1]; ++e) {
        const auto r = static_cast<size_t>(l_.quadratic.rows[static_cast<size_t>(e)]);
        const double q = l_.quadratic.values[static_cast<size_t>(e)];
        out[r] += q * v[c];
        if (r != c) out[c] += q * v[r];
      }
      for (int e = l_.matrix.begins[c]; e < l_.matrix.begins[c + 1]; ++e)
        out[c] +=
            l_.matrix.values[static_cast<size_t>(e)] * y[static_cast<size_t>(l_.matrix.rows[static_cast<size_t>(e)])];
    }
    return out;
  }

  void residuals() {
    r_dual_ = times_columns(w_, dual_);
    for (size_t i = 0; i < n_; ++i) r_dual_[i] += l_.linear[i] - z_low_[i] + z_up_[i];
    for (size_t r = 0; r < m_; ++r) r_dual_.push_back(-dual_[r] - z_low_[n_ + r] + z_up_[n_ + r]);
    for (size_t i = 0; i < all_; ++i)
      if (fixed_[i]) r_dual_[i] = 0;  // held by a multiplier of any size
    r_primal_ = times_rows(w_);
    for (size_t r = 0; r < m_; ++r) r_primal_[r] -= w_[n_ + r];
  }

  // The mean product of slack and multiplier after a step.
  double complementarity(double length, const Values& dw, const Values& dl, const Values& du) const {
    double sum = 0;
    const auto moved = [&](double value, const Values& by, size_t i) {
      return by.empty() ? value : value + length * by[i];
    };
    for (size_t i = 0; i < all_; ++i) {
      if (fixed_[i]) continue;
      const double w = moved(w_[i], dw, i);
      if (std::isfinite(low_[i])) sum += (w - low_[i]) * moved(z_low_[i], dl, i);
      if (std::isfinite(up_[i])) sum += (up_[i] - w) * moved(z_up_[i], du, i);
    }
    return num_bounds_ > 0 ? sum / static_cast<double>(num_bounds_) : 0;
  }

  // Newton's direction to products of `wanted`, corrected by the products of the affine step (empty: none).
  bool direction(double wanted, const Values& affine, const Values& affine_low, const Values& affine_up, Values& dw,
                 Values& dy, Values& dl, Values& du) {
    Values barrier(all_), pull(all_);  // pull: what the barrier adds to the right side
    for (size_t i = 0; i < all_; ++i) {
      if (fixed_[i]) continue;
      if (std::isfinite(low_[i])) {
        const double slack = w_[i] - low_[i], second = affine.empty() ? 0 : affine[i] * affine_low[i];
        barrier[i] += z_low_[i] / slack;
        pull[i] += (wanted - second) / slack - z_low_[i];
      }
      if (std::isfinite(up_[i])) {
        const double slack = up_[i] - w_[i], second = affine.empty() ? 0 : -affine[i] * affine_up[i];
        barrier[i] += z_up_[i] / slack;
        pull[i] -= (wanted - second) / slack - z_up_[i];
      }
    }
    Values values = constant_, exact(all_);
    for (size_t i = 0; i < all_; ++i) {
      double& diagonal = values[diagonal_at_[i]];
      if (i < n_) {
        exact[i] = fixed_[i] ? 1 : diagonal + barrier[i];
        diagonal = fixed_[i] ? 1 : exact[i] + 1e-10 * (1 + quadratic_scale_);
      } else {
        exact[i] = fixed_[i] ? 0 : -1 / barrier[i];
        diagonal = exact[i] - 1e-10;
      }
    }
    if (!system_->factor(values)) return false;
    Values right(all_);
    for (size_t i = 0; i < n_; ++i) right[i] = fixed_[i] ? 0 : -r_dual_[i] + pull[i];
    for (size_t r = 0; r < m_; ++r) {
      const size_t i = n_ + r;
      right[i] = -r_primal_[r];
      if (!fixed_[i]) right[i] += (-r_dual_[i] + pull[i]) / barrier[i];
    }
    Values solution(all_);
    for (int round = 0; round < 4; ++round) {
      Values left = right;
      if (round > 0) subtract_product(solution, exact, barrier, left);
      system_->solve(left);
      for (size_t i = 0; i < all_; ++i) solution[i] += left[i];
    }
    dw.assign(solution.begin(), solution.begin() + static_cast<std::ptrdiff_t>(n_));
    dy.assign(solution.begin() + static_cast<std::ptrdiff_t>(n_), solution.end());
    for (size_t r = 0; r < m_; ++r) {
      const size_t i = n_ + r;
      dw.push_back(fixed_[i] ? 0 : (dy[r] - r_dual_[i] + pull[i]) / barrier[i]);
    }
    dl.assign(all_, 0.0);
    du.assign(all_, 0.0);
    for (size_t i = 0; i < all_; ++i) {
      if (fixed_[i]) continue;
      if (std::isfinite(low_[i])) {
        const double slack = w_[i] - low_[i], second = affine.empty() ? 0 : affine[i] * affine_low[i];
        dl[i] = (wanted - second - z_low_[i] * dw[i]) / slack - z_low_[i];
      }
      if (std::isfinite(up_[i])) {
        const double slack = up_[i] - w_[i], second = affine.empty() ? 0 : -affine[i] * affine_up[i];
        du[i] = (wanted - second + z_up_[i] * dw[i]) / slack - z_up_[i];
      }
    }
    return true;
  }

  // left -= K solution, with K without its regularisation
  void subtract_product(const Values& solution, const Values& exact, const Values& barrier, Values& left) const {
    Values v(solution.begin(), solution.begin() + static_cast<std::ptrdiff_t>(n_));
    const Values y(solution.begin() + static_cast<std::ptrdiff_t>(n_), solution.end());
    for (size_t i = 0; i < n_; ++i)
      if (fixed_[i]) v[i] = 0;
    const Values top = times_columns(v, y), bottom = times_rows(v);
    for (size_t i = 0; i < n_; ++i) left[i] -= fixed_[i] ? solution[i] : top[i] + barrier[i] * v[i];
    for (size_t r = 0; r < m_; ++r) left[n_ + r] -= bottom[r] + exact[n_ + r] * y[r];
  }

  // The longest step up to 1 that leaves slacks and multipliers positive.
  double longest(const Values& dw, const Values& dl, const Values& du) const {
    double length = 1;
    const auto limit = [&](double value, double change) {
      if (change < 0) length = std::min(length, -value / change);
    };
    for (size_t i = 0; i < all_; ++i) {
      if (fixed_[i]) continue;
      if (std::isfinite(low_[i])) {
        limit(w_[i] - low_[i], dw[i]);
        limit(z_low_[i], dl[i]);
      }
      if (std::isfinite(up_[i])) {
        limit(up_[i] - w_[i], -dw[i]);
        limit(z_up_[i], du[i]);
      }
    }
    return length;
  }

  bool step(double gap) {
    Values dw, dy, dl, du;
    if (!direction(0, {}, {}, {}, dw, dy, dl, du)) return false;
    double length = longest(dw, dl, du);
    if (num_bounds_ > 0) {
      const double after = complementarity(length, dw, dl, du), ratio = std::max(0.0, after / gap);
      const Values affine = dw, affine_low = dl, affine_up = du;
      if (!direction(ratio * ratio * ratio * gap, affine, affine_low, affine_up, dw, dy, dl, du)) return false;
      length = longest(dw, dl, du);
      if (length < 1) length *= std::max(0.99, 1 - gap);
    }
    if (!(length > 1e-14)) return false;
    for (size_t i = 0; i < all_; ++i) {
      w_[i] += length * dw[i];
      z_low_[i] += length * dl[i];
      z_up_[i] += length * du[i];
    }
    for (size_t r = 0; r < m_; ++r) dual_[r] += length * dy[r];
    return true;
  }

  const Lifted& l_;
  const size_t n_, m_, all_;
  Values low_, up_, w_, dual_, z_low_, z_up_, r_dual_, r_primal_, constant_;
  std::vector<char> fixed_;
  std::vector<size_t> diagonal_at_;
  size_t num_bounds_ = 0;
  double scale_ = 1e-3, quadratic_scale_ = 0;
  std::unique_ptr<SparseSystem> system_;
};

}  // namespace

InteriorAnswer interior_solve(const Lifted& lifted) { return InteriorPoint(lifted).run(); }

}  // namespace hadal::market::qp
