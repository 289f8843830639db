#include "market/portfolio/clp.h"

#include <coin/ClpQuadraticObjective.hpp>
#include <coin/ClpSimplex.hpp>

#include <algorithm>
#include <vector>

namespace hadal::market::qp {
namespace {

// Clp can run in circles within one of its iterations (where a flat direction has no end, for one), and asks nobody
// there but its objective. From a number of gradients on this one says that they vanish, which ends it. A number, not
// a time: the same problem gives the same answer.
class PatientObjective final : public ClpQuadraticObjective {
 public:
  PatientObjective(const Lifted& l, int64_t* left)
      : ClpQuadraticObjective(l.linear.data(), static_cast<int>(l.num_columns), l.quadratic.begins.data(),
                              l.quadratic.rows.data(), l.quadratic.values.data()),
        left_(left) {}
  PatientObjective(const PatientObjective& other) : ClpQuadraticObjective(other), left_(other.left_) {}

  ClpObjective* clone() const override { return new PatientObjective(*this); }
  double* gradient(const ClpSimplex* model, const double* solution, double& offset, bool refresh,
                   int includeLinear) override {
    double* values = ClpQuadraticObjective::gradient(model, solution, offset, refresh, includeLinear);
    if (--*left_ < 0) std::fill_n(values, model ? model->numberColumns() : numberColumns(), 0.0);
    return values;
  }

 private:
  int64_t* left_;
};

void clp_load(ClpSimplex& model, const Lifted& l) {
  model.setLogLevel(0);
  model.loadProblem(static_cast<int>(l.num_columns), static_cast<int>(l.num_rows), l.matrix.begins.data(),
                    l.matrix.rows.data(), l.matrix.values.data(), l.lower.data(), l.upper.data(), l.linear.data(),
                    l.row_lower.data(), l.row_upper.data());
  model.setPrimalTolerance(1e-9);
  model.setDualTolerance(1e-9);
  model.setMaximumIterations(static_cast<int>(1000 + 20 * (l.num_columns + l.num_rows)));
}

ClpAnswer clp_answer_of(const ClpSimplex& model, const Lifted& l) {
  ClpAnswer answer;
  const int status = model.status();
  answer.status = status == 0   ? ClpAnswer::Status::optimal
                  : status == 1 ? ClpAnswer::Status::infeasible
                  : status == 2 ? ClpAnswer::Status::unbounded
                                : ClpAnswer::Status::stopped;
  answer.iterations = model.numberIterations();
  const double *columns = model.primalColumnSolution(), *duals = model.dualRowSolution();
  answer.columns.assign(columns, columns + l.num_columns);
  for (size_t r = 0; r < l.num_rows; ++r) answer.multipliers.push_back(-duals[r]);
  return answer;
}

}  // namespace

ClpAnswer clp_solve(const Lifted& lifted) {
  ClpSimplex model;
  clp_load(model, lifted);
  int64_t left = 2000 + static_cast<int64_t>(10 * (lifted.num_columns + lifted.num_rows));
  if (!lifted.quadratic.rows.empty()) {
    // Clp reads one triangle and takes it for both: the whole matrix would count all off the diagonal twice.
    PatientObjective objective(lifted, &left);
    model.setObjective(&objective);  // copied
  }
  model.primal();
  ClpAnswer answer = clp_answer_of(model, lifted);
  if (left < 0) answer.status = ClpAnswer::Status::stopped;
  return answer;
}

ClpAnswer clp_solve_linear(const Lifted& lifted) {
  ClpSimplex model;
  clp_load(model, lifted);
  model.dual();
  if (model.status() > 2) model.primal();
  return clp_answer_of(model, lifted);
}

}  // namespace hadal::market::qp
