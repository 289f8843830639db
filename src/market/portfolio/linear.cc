#include "market/portfolio/linear.h"

#define EIGEN_DONT_PARALLELIZE
#include <eigen3/Eigen/Cholesky>
#include <eigen3/Eigen/Eigenvalues>
#include <eigen3/Eigen/SparseCholesky>

#include "market/portfolio/kinks.h"

namespace hadal::market::qp {

namespace {
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Eigen::Index;

constexpr double kTrace = 1e-10;  // of the largest diagonal entry
constexpr double kTraceOfNothing = 1e-6;
}  // namespace

// With H = P, or where P is diagonal + F'F with a diagonal that carries it, H = diagonal and F among the rows G (whose
// multipliers are then Fx):  (E + G H^-1 G') z = G H^-1 a - b,  x = H^-1 (a - G'z).
struct EqualitySystem::Factors {
  bool low_rank = false;
  Index extra = 0;  // rows of F
  Eigen::VectorXd inverse;
  Eigen::LLT<Eigen::MatrixXd> h;
  Eigen::MatrixXd g;  // [rows][variables]
  Eigen::LDLT<Eigen::MatrixXd> schur;

  Eigen::MatrixXd h_inverse(const Eigen::MatrixXd& right) const {
    if (low_rank) return inverse.asDiagonal() * right;
    if (right.size() == 0) return right;  // Eigen's solver would bind a reference to nothing
    return h.solve(right);
  }
};

EqualitySystem::EqualitySystem(const QuadraticProgram& program, const std::vector<uint32_t>& variables,
                               const std::vector<double>& rows, size_t num_rows)
    : factors_(std::make_unique<Factors>()) {
  Factors& f = *factors_;
  const auto n = static_cast<Index>(variables.size()), m = static_cast<Index>(num_rows);
  const double largest = largest_diagonal(program), trace = kTrace * (largest > 0 ? largest : 1);
  double smallest = program.diagonal.empty() ? 0 : largest;
  if (!program.diagonal.empty())
    for (const uint32_t i : variables) smallest = std::min(smallest, program.diagonal[i]);
  f.low_rank = program.dense.empty() && smallest > 1e-6 * largest;

  const Index k = static_cast<Index>(program.num_factors());
  RowMajor loads(k, n);
  for (Index r = 0; r < k; ++r)
    for (Index c = 0; c < n; ++c)
      loads(r, c) = program.factors[static_cast<size_t>(r) * program.size + variables[static_cast<size_t>(c)]];
  const Eigen::Map<const RowMajor> given(rows.data(), m, n);
  if (f.low_rank) {
    f.extra = k;
    f.g.resize(k + m, n);
    f.g << loads, given;
    f.inverse.resize(n);
    for (Index c = 0; c < n; ++c) f.inverse(c) = 1 / program.diagonal[variables[static_cast<size_t>(c)]];
  } else {
    f.g = given;
    Eigen::MatrixXd p = loads.transpose() * loads;
    for (Index c = 0; c < n; ++c) {
      const size_t i = variables[static_cast<size_t>(c)];
      if (!program.dense.empty())
        for (Index d = 0; d < n; ++d) p(d, c) += program.dense[i * program.size + variables[static_cast<size_t>(d)]];
      if (!program.diagonal.empty()) p(c, c) += program.diagonal[i];
      p(c, c) += trace;
    }
    f.h.compute(p);
  }
  Eigen::MatrixXd schur = f.g * f.h_inverse(f.g.transpose());
  const double of_rows = f.g.rows() > 0 ? schur.diagonal().maxCoeff() : 0;
  const double trace_of_rows = of_rows > 0 ? kTrace * of_rows : kTraceOfNothing;
  for (Index r = 0; r < schur.rows(); ++r) schur(r, r) += r < f.extra ? 1 : trace_of_rows;
  f.schur.compute(schur);
}

EqualitySystem::~EqualitySystem() = default;

void EqualitySystem::solve(std::vector<double>& a, std::vector<double>& b) const {
  const Factors& f = *factors_;
  Eigen::Map<Eigen::VectorXd> x(a.data(), static_cast<Index>(a.size())), y(b.data(), static_cast<Index>(b.size()));
  if (f.g.rows() == 0) {
    if (x.size() > 0) x = f.h_inverse(x);
    return;
  }
  Eigen::VectorXd right = f.g * f.h_inverse(x);
  right.tail(y.size()) -= y;
  const Eigen::VectorXd z = f.schur.solve(right);
  x = f.h_inverse(x - f.g.transpose() * z);
  y = z.tail(y.size());
}

struct SparseSystem::Factors {
  Eigen::SparseMatrix<double> matrix;
  Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>, Eigen::Lower> ldlt;
};

SparseSystem::SparseSystem(std::vector<int> begins, std::vector<int> rows) : factors_(std::make_unique<Factors>()) {
  const Index n = static_cast<Index>(begins.size()) - 1;
  const std::vector<double> ones(rows.size(), 1.0);
  factors_->matrix = Eigen::Map<const Eigen::SparseMatrix<double>>(n, n, static_cast<Index>(rows.size()), begins.data(),
                                                                   rows.data(), ones.data());
  factors_->ldlt.analyzePattern(factors_->matrix);
}

SparseSystem::~SparseSystem() = default;

bool SparseSystem::factor(const std::vector<double>& values) {
  std::copy(values.begin(), values.end(), factors_->matrix.valuePtr());
  factors_->ldlt.factorize(factors_->matrix);
  return factors_->ldlt.info() == Eigen::Success;
}

void SparseSystem::solve(std::vector<double>& right) const {
  Eigen::Map<Eigen::VectorXd> x(right.data(), static_cast<Index>(right.size()));
  const Eigen::VectorXd solution = factors_->ldlt.solve(x);
  x = solution;
}

double negative_eigenvalue(const std::vector<double>& matrix, size_t n, double tolerance) {
  Eigen::MatrixXd p = Eigen::Map<const RowMajor>(matrix.data(), static_cast<Index>(n), static_cast<Index>(n));
  const double allowed = tolerance * p.diagonal().cwiseAbs().maxCoeff();
  Eigen::MatrixXd lifted = p;
  lifted.diagonal().array() += allowed;
  if (allowed > 0 && Eigen::LLT<Eigen::MatrixXd>(lifted).info() == Eigen::Success) return 0;
  const double smallest = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(p, Eigen::EigenvaluesOnly).eigenvalues()(0);
  return smallest < -allowed ? smallest : 0;
}

Eigenpairs largest_eigenpairs(const std::vector<double>& matrix, size_t n, size_t count) {
  const auto size = static_cast<Index>(n);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> all(Eigen::Map<const RowMajor>(matrix.data(), size, size));
  Eigenpairs pairs;
  for (Index k = 0; k < static_cast<Index>(count); ++k) {
    const auto vector = all.eigenvectors().col(size - 1 - k);
    pairs.values.push_back(all.eigenvalues()(size - 1 - k));
    pairs.vectors.insert(pairs.vectors.end(), vector.data(), vector.data() + n);
  }
  return pairs;
}

std::vector<double> solve_definite(const std::vector<double>& matrix, const std::vector<double>& right) {
  const auto size = static_cast<Index>(right.size());
  const Eigen::LLT<Eigen::MatrixXd> factors(Eigen::Map<const RowMajor>(matrix.data(), size, size));
  if (factors.info() != Eigen::Success) return {};
  const Eigen::VectorXd x = factors.solve(Eigen::Map<const Eigen::VectorXd>(right.data(), size));
  return {x.data(), x.data() + size};
}

}  // namespace hadal::market::qp
