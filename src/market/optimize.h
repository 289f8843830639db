// Convex quadratic programs, and the portfolio problems that are such: what to hold, given means, risks and costs.
//
//   minimise    x'Px/2 + q'x + sum over terms and i of cost_i |x_i - reference_i|
//   subject to  lower <= x <= upper,  l <= Ax <= u,  sum over i of |x_i - reference_i| <= the term's limit
//
// P = dense + diagonal + F'F is positive semidefinite. +-infinity is no limit. Matrices are row-major.
//
// Ways: steps on the set of limits that hold with equality, each the solution of one linear system, lead from what is
// held (or from the last solution) to the optimum, to rounding, or run in circles. Then a primal-dual interior point
// method (Mehrotra 1992), Clp's simplex for quadratic objectives, or for linear ones first Clp, find a point from which
// these steps begin anew. Whatever they report, a solution is judged by its residual alone (Optimum::kkt_residual).
// Clp's linear programs say whether limits can hold together. Clp does not come first: it takes hundreds of
// milliseconds for 500 assets (bench/market_qp), and can run without end along a flat direction.
//
// Errors: wrong sizes, numbers that are not finite, P not symmetric or not positive semidefinite, a limit above its
// counterpart, an objective without a minimum. That the limits contradict each other is a result, not an Error.
// Threads: solvers share nothing; one is used by one thread at a time. The same calls give the same bits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"

namespace hadal::market {

// A limit that has a name, in whose terms a contradiction is told: "budget = 1", "upper bounds (sum 0.8)".
struct Limit {
  enum class On { lower, upper, row_lower, row_upper, term };  // of which x_i, row of A, or absolute term
  struct Part {
    On on;
    uint32_t index;
    double value;
  };
  std::string name;
  std::vector<Part> parts;
};

struct AbsoluteTerm {
  std::vector<double> reference, cost;  // [n]; cost >= 0. A limit on their sum is a Limit.
};

struct QuadraticProgram {
  size_t size = 0;                  // n
  std::vector<double> dense;        // [n][n], symmetric, or empty
  std::vector<double> diagonal;     // [n], >= 0, or empty
  std::vector<double> factors;      // F: [k][n], or empty
  std::vector<double> linear;       // q: [n]
  std::vector<double> rows;         // A: [m][n]
  std::vector<AbsoluteTerm> terms;  // at most 2
  std::vector<Limit> limits;        // of several on the same, the tightest holds
  double constant = 0;              // added to the objective
  bool maximise = false;            // then the objective is told with its sign turned
  std::string called = "P";         // `dense` in messages
  size_t num_rows() const { return rows.size() / size; }
  size_t num_factors() const { return factors.size() / size; }
};

struct Optimum {
  enum class Status {
    solved,
    infeasible,   // `conflict` names limits that cannot hold together, none of which could be left out
    not_reached,  // x is the best that was found, and kkt_residual says how far it is from a solution
  };
  Status status = Status::not_reached;
  std::vector<double> x;  // empty where infeasible
  double objective = 0;
  // The largest of: |x - the minimiser near x - gradient of what is left of the problem| (stationarity, and
  // complementarity of bounds and of |x - reference|), |Ax - its projection, moved by the multiplier, on [l, u]|
  // (feasibility and complementarity of rows), the same of terms' limits; over 1 + max|q|. 0 exactly at a solution.
  double kkt_residual = 0;
  int64_t iterations = 0;  // of all ways together
  double milliseconds = 0;
  std::vector<std::string> conflict;
};

// Up to here a problem is solved; times the largest |x| where that is above 1.
constexpr double kGoodResidual = 1e-9;

class QpSolver {
 public:
  explicit QpSolver(QuadraticProgram program);  // Error where it is no convex program
  ~QpSolver();
  QpSolver(QpSolver&&) noexcept;

  // From the second time on from the limits that held with equality at the last solution.
  Optimum solve();
  // Another one, such as the next day's. Where its sizes are those of the last one, the last solution is where it
  // begins.
  void set_program(QuadraticProgram program);
  // What may change in between; sizes stay.
  void set_linear(std::vector<double> linear, double constant = 0);
  void set_reference(size_t term, std::vector<double> reference);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// In words of finance:
//   maximise    mean'w - risk_aversion/2 (w - benchmark)'C(w - benchmark)
//               - sum of cost |w - current| - sum of quadratic_cost (w - current)^2
//   subject to  sum w = budget, lower <= w <= upper, min <= sum of a group's w <= max,
//               min <= exposure'w <= max, sum|w - current| <= turnover, sum|w| <= leverage
// C is `covariance`, or loadings loadings' + diag(specific).
struct PortfolioProblem {
  struct Group {
    std::vector<uint32_t> members;
    double min, max;
    std::string name = {};  // in messages; "": its number
  };
  struct FactorLimit {
    std::vector<double> exposure;  // [n]
    double min, max;
    std::string name = {};
  };
  std::vector<double> mean;                // [n]: says how many assets there are
  std::vector<double> covariance;          // [n][n], or empty
  std::vector<double> loadings, specific;  // [n][k], [n]: variances
  double risk_aversion = 1;
  std::vector<double> benchmark;             // [n], or empty: 0
  std::vector<double> current;               // [n], or empty: 0
  std::vector<double> cost, quadratic_cost;  // [n], or empty: 0
  std::vector<double> lower, upper;          // [n], or empty: no limit
  double budget;                             // NaN: any
  std::vector<Group> groups;
  std::vector<FactorLimit> factor_limits;
  double turnover, leverage;  // infinity: no limit
  PortfolioProblem();
};

// Solves one problem again and again while means and holdings change.
class PortfolioOptimizer {
 public:
  explicit PortfolioOptimizer(PortfolioProblem problem);
  Optimum solve() { return solver_.solve(); }
  void set_mean(std::vector<double> mean);
  void set_current(std::vector<double> current);
  void set_problem(PortfolioProblem problem);  // of other risks and limits too

 private:
  void renew();
  PortfolioProblem problem_;
  QpSolver solver_;
};

QuadraticProgram program_of(const PortfolioProblem& problem);

// A problem of either form, as docs/cli.md describes them; `who` names it in messages. Unknown keys are Errors.
QuadraticProgram parse_problem(const Json& json, const std::string& who);
QuadraticProgram read_problem(const Path& file);
Optimum optimize(const Path& file);  // reads and solves

}  // namespace hadal::market
