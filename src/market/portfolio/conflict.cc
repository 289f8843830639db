#include "market/portfolio/conflict.h"

#include <cmath>
#include <limits>

#include "market/portfolio/clp.h"

namespace hadal::market::qp {
namespace {

constexpr double kEndless = std::numeric_limits<double>::infinity();

class ConflictSearch {
 public:
  explicit ConflictSearch(const QuadraticProgram& program) : kept_(program.limits.size(), true) {
    limits_only_.size = program.size;
    limits_only_.linear.assign(program.size, 0.0);
    limits_only_.rows = program.rows;
    limits_only_.limits = program.limits;
    limits_only_.terms = program.terms;
    for (AbsoluteTerm& term : limits_only_.terms) term.cost.assign(program.size, 0.0);
  }

  std::vector<std::string> run() {
    if (!contradictory()) return {};
    shrink(0, kept_.size());
    std::vector<std::string> names;
    for (size_t l = 0; l < kept_.size(); ++l)
      if (kept_[l]) names.push_back(limits_only_.limits[l].name);
    return names;
  }

 private:
  bool contradictory() const {
    const Bounds bounds = bounds_of(limits_only_, kept_);
    for (size_t i = 0; i < bounds.lower.size(); ++i)
      if (bounds.lower[i] > bounds.upper[i]) return true;
    for (size_t r = 0; r < bounds.row_lower.size(); ++r)
      if (bounds.row_lower[r] > bounds.row_upper[r]) return true;
    return clp_solve_linear(lifted_of(limits_only_, bounds)).status == ClpAnswer::Status::infeasible;
  }

  // Leaves out all of them that can be, as many at once as possible, the last ones first.
  void shrink(size_t first, size_t last) {
    if (first == last) return;
    for (size_t l = first; l < last; ++l) kept_[l] = false;
    if (contradictory()) return;
    for (size_t l = first; l < last; ++l) kept_[l] = true;
    if (last - first == 1) return;
    const size_t middle = (first + last) / 2;
    shrink(middle, last);
    shrink(first, middle);
  }

  QuadraticProgram limits_only_;
  std::vector<bool> kept_;
};

}  // namespace

std::vector<std::string> conflict_of(const QuadraticProgram& program) { return ConflictSearch(program).run(); }

bool is_unbounded(const QuadraticProgram& program) {
  const size_t n = program.size;
  const Bounds of_x = bounds_of(program);
  QuadraticProgram direction;
  direction.size = n;
  direction.linear = program.linear;
  direction.terms = program.terms;
  for (AbsoluteTerm& term : direction.terms) term.reference.assign(n, 0.0);
  direction.rows = program.rows;
  for (const std::vector<double>* flat : {&program.dense, &program.factors})
    direction.rows.insert(direction.rows.end(), flat->begin(), flat->end());
  Bounds b = bounds_of(direction);  // without limits
  for (size_t i = 0; i < n; ++i) {
    const bool curved = !program.diagonal.empty() && program.diagonal[i] > 0;
    b.lower[i] = curved || of_x.lower[i] > -kEndless ? 0 : -1;
    b.upper[i] = curved || of_x.upper[i] < kEndless ? 0 : 1;
  }
  for (size_t r = 0; r < direction.num_rows(); ++r) {
    const bool given = r < program.num_rows();
    if (!given || of_x.row_lower[r] > -kEndless) b.row_lower[r] = 0;
    if (!given || of_x.row_upper[r] < kEndless) b.row_upper[r] = 0;
  }
  for (size_t j = 0; j < program.terms.size(); ++j)
    if (of_x.term[j] < kEndless) b.term[j] = 0;
  const Lifted lifted = lifted_of(direction, b);
  const ClpAnswer answer = clp_solve_linear(lifted);
  if (answer.status != ClpAnswer::Status::optimal) return false;
  double falls = 0, scale = 0;
  for (size_t c = 0; c < lifted.num_columns; ++c) {
    falls += lifted.linear[c] * answer.columns[c];
    scale = std::max(scale, std::fabs(lifted.linear[c]));
  }
  return falls < -1e-8 * scale;
}

}  // namespace hadal::market::qp
