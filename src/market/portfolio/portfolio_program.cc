#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "market/optimize.h"

namespace hadal::market {

namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// Numbers of one kind for each asset: none or all.
void check_assets(const std::vector<double>& values, size_t n, const char* name) {
  if (!values.empty() && values.size() != n)
    fail("{}: expected a number for each of the {} assets, found {}", name, n, values.size());
}

double at(const std::vector<double>& values, size_t i, double otherwise = 0) {
  return values.empty() ? otherwise : values[i];
}

void check_range(double min, double max, const std::string& name) {
  if (std::isnan(min) || std::isnan(max) || min > max)
    fail("{}: expected a lower limit up to the upper one, found {:g} and {:g}", name, min, max);
}

// C v
std::vector<double> times_covariance(const PortfolioProblem& p, const std::vector<double>& v) {
  const size_t n = p.mean.size(), k = p.loadings.size() / n;
  std::vector<double> out(n);
  for (size_t i = 0; i < n && !p.covariance.empty(); ++i)
    for (size_t j = 0; j < n; ++j) out[i] += p.covariance[i * n + j] * v[j];
  for (size_t f = 0; f < k; ++f) {
    double exposure = 0;
    for (size_t i = 0; i < n; ++i) exposure += p.loadings[i * k + f] * v[i];
    for (size_t i = 0; i < n; ++i) out[i] += p.loadings[i * k + f] * exposure;
  }
  for (size_t i = 0; i < n; ++i) out[i] += at(p.specific, i) * v[i];
  return out;
}

void set_linear_part(const PortfolioProblem& p, QuadraticProgram& program) {
  const size_t n = p.mean.size();
  program.linear.assign(n, 0.0);
  program.constant = 0;
  for (size_t i = 0; i < n; ++i) {
    const double quadratic = at(p.quadratic_cost, i), current = at(p.current, i);
    program.linear[i] = -p.mean[i] - 2 * quadratic * current;
    program.constant += quadratic * current * current;
  }
  if (p.benchmark.empty()) return;
  const std::vector<double> risk = times_covariance(p, p.benchmark);
  for (size_t i = 0; i < n; ++i) {
    program.linear[i] -= p.risk_aversion * risk[i];
    program.constant += 0.5 * p.risk_aversion * p.benchmark[i] * risk[i];
  }
}

void add_row(QuadraticProgram& program, const std::vector<double>& row, double min, double max,
             const std::string& name) {
  check_range(min, max, name);
  const auto index = static_cast<uint32_t>(program.num_rows());
  program.rows.insert(program.rows.end(), row.begin(), row.end());
  if (min == max) {
    program.limits.push_back({fmt::format("{} = {:g}", name, min),
                              {{Limit::On::row_lower, index, min}, {Limit::On::row_upper, index, max}}});
    return;
  }
  if (min > -kNoLimit)
    program.limits.push_back({fmt::format("{} >= {:g}", name, min), {{Limit::On::row_lower, index, min}}});
  if (max < kNoLimit)
    program.limits.push_back({fmt::format("{} <= {:g}", name, max), {{Limit::On::row_upper, index, max}}});
}

void add_bounds(QuadraticProgram& program, const std::vector<double>& values, Limit::On on, const char* name) {
  Limit limit;
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += values[i];
    if (std::isfinite(values[i])) limit.parts.push_back({on, static_cast<uint32_t>(i), values[i]});
  }
  if (limit.parts.empty()) return;
  limit.name = std::isfinite(sum) ? fmt::format("{} (sum {:g})", name, sum) : name;
  program.limits.push_back(std::move(limit));
}

std::string named(const char* what, const std::string& name, size_t number) {
  return name.empty() ? fmt::format("{} {}", what, number) : fmt::format("{} {}", what, name);
}

void check_portfolio(const PortfolioProblem& p) {
  const size_t n = p.mean.size();
  if (n == 0) fail("mean: expected a number for each asset, found none");
  for (const auto& [values, name] : {std::pair(&p.specific, "specific"),
                                     {&p.benchmark, "benchmark"},
                                     {&p.current, "current"},
                                     {&p.cost, "cost"},
                                     {&p.quadratic_cost, "quadratic_cost"},
                                     {&p.lower, "lower"},
                                     {&p.upper, "upper"}})
    check_assets(*values, n, name);
  if (!p.covariance.empty() && p.covariance.size() != n * n)
    fail("covariance: expected {} x {} numbers, found {}", n, n, p.covariance.size());
  if (p.loadings.size() % n != 0)
    fail("loadings: expected a row for each of the {} assets, found {} numbers", n, p.loadings.size());
  for (const auto& [values, name] : {std::pair(&p.mean, "mean"),
                                     {&p.covariance, "covariance"},
                                     {&p.loadings, "loadings"},
                                     {&p.specific, "specific"},
                                     {&p.benchmark, "benchmark"},
                                     {&p.current, "current"},
                                     {&p.cost, "cost"},
                                     {&p.quadratic_cost, "quadratic_cost"}})
    for (size_t i = 0; i < values->size(); ++i)
      if (!std::isfinite((*values)[i])) fail("{}: expected finite numbers, found {} at {}", name, (*values)[i], i);
  for (const auto& [values, name] :
       {std::pair(&p.specific, "specific"), {&p.cost, "cost"}, {&p.quadratic_cost, "quadratic_cost"}})
    for (size_t i = 0; i < values->size(); ++i)
      if ((*values)[i] < 0) fail("{}: expected numbers that are not negative, found {} at {}", name, (*values)[i], i);
  for (size_t i = 0; i < n; ++i)
    check_range(at(p.lower, i, -kNoLimit), at(p.upper, i, kNoLimit), fmt::format("bounds of asset {}", i));
  for (const auto& [value, name] :
       {std::pair(p.risk_aversion, "risk_aversion"), {p.turnover, "turnover"}, {p.leverage, "leverage"}})
    if (!(value >= 0)) fail("{}: expected a number that is not negative, found {}", name, value);
  if (!std::isfinite(p.risk_aversion)) fail("risk_aversion: expected a finite number, found {}", p.risk_aversion);
}

}  // namespace

PortfolioProblem::PortfolioProblem() : budget(std::nan("")), turnover(kNoLimit), leverage(kNoLimit) {}

QuadraticProgram program_of(const PortfolioProblem& p) {
  check_portfolio(p);
  const size_t n = p.mean.size(), k = p.loadings.size() / n;
  QuadraticProgram program;
  program.size = n;
  program.maximise = true;
  program.called = p.risk_aversion == 1 ? "covariance" : "risk_aversion * covariance";
  if (p.risk_aversion > 0) {
    program.dense = p.covariance;
    for (double& value : program.dense) value *= p.risk_aversion;
    for (size_t f = 0; f < k; ++f)
      for (size_t i = 0; i < n; ++i) program.factors.push_back(std::sqrt(p.risk_aversion) * p.loadings[i * k + f]);
  }
  if (!p.specific.empty() || !p.quadratic_cost.empty())
    for (size_t i = 0; i < n; ++i)
      program.diagonal.push_back(p.risk_aversion * at(p.specific, i) + 2 * at(p.quadratic_cost, i));
  set_linear_part(p, program);

  if (!std::isnan(p.budget)) add_row(program, std::vector<double>(n, 1.0), p.budget, p.budget, "budget");
  add_bounds(program, p.lower, Limit::On::lower, "lower bounds");
  add_bounds(program, p.upper, Limit::On::upper, "upper bounds");
  for (size_t g = 0; g < p.groups.size(); ++g) {
    std::vector<double> row(n);
    const std::string name = named("group", p.groups[g].name, g);
    for (const uint32_t member : p.groups[g].members) {
      if (member >= n) fail("{}: expected members from 0 to {}, found {}", name, n - 1, member);
      if (row[member] != 0) fail("{}: expected each member once, found {} twice", name, member);
      row[member] = 1;
    }
    add_row(program, row, p.groups[g].min, p.groups[g].max, name);
  }
  for (size_t f = 0; f < p.factor_limits.size(); ++f) {
    const std::string name = named("factor limit", p.factor_limits[f].name, f);
    if (p.factor_limits[f].exposure.size() != n)
      fail("{}: expected an exposure for each of the {} assets, found {}", name, n, p.factor_limits[f].exposure.size());
    add_row(program, p.factor_limits[f].exposure, p.factor_limits[f].min, p.factor_limits[f].max, name);
  }
  const bool costs = std::any_of(p.cost.begin(), p.cost.end(), [](double cost) { return cost > 0; });
  const auto add_term = [&](std::vector<double> reference, std::vector<double> cost, double limit, const char* name) {
    const auto index = static_cast<uint32_t>(program.terms.size());
    program.terms.push_back({std::move(reference), std::move(cost)});
    for (std::vector<double>* values : {&program.terms.back().reference, &program.terms.back().cost}) values->resize(n);
    if (limit < kNoLimit)
      program.limits.push_back({fmt::format("{} <= {:g}", name, limit), {{Limit::On::term, index, limit}}});
  };
  if (costs || p.turnover < kNoLimit) add_term(p.current, p.cost, p.turnover, "turnover");
  if (p.leverage < kNoLimit) add_term({}, {}, p.leverage, "leverage");
  return program;
}

PortfolioOptimizer::PortfolioOptimizer(PortfolioProblem problem)
    : problem_(std::move(problem)), solver_(program_of(problem_)) {}

void PortfolioOptimizer::set_mean(std::vector<double> mean) {
  if (mean.size() != problem_.mean.size())
    fail("mean: expected a number for each of the {} assets, found {}", problem_.mean.size(), mean.size());
  problem_.mean = std::move(mean);
  renew();
}

void PortfolioOptimizer::set_current(std::vector<double> current) {
  check_assets(current, problem_.mean.size(), "current");
  problem_.current = std::move(current);
  problem_.current.resize(problem_.mean.size());
  const bool costs = std::any_of(problem_.cost.begin(), problem_.cost.end(), [](double cost) { return cost > 0; });
  if (costs || problem_.turnover < kNoLimit) solver_.set_reference(0, problem_.current);
  renew();
}

void PortfolioOptimizer::set_problem(PortfolioProblem problem) {
  solver_.set_program(program_of(problem));
  problem_ = std::move(problem);
}

void PortfolioOptimizer::renew() {
  QuadraticProgram changed;
  set_linear_part(problem_, changed);
  solver_.set_linear(std::move(changed.linear), changed.constant);
}

}  // namespace hadal::market
