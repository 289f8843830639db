// Quadratic programs against vectors, against trying every active set, and where they are degenerate.
#include "market/optimize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "market/portfolio/clp.h"
#include "market/portfolio/conflict.h"
#include "market/portfolio/interior.h"
#include "market/portfolio/polish.h"
#include "market/testing/every_active_set.h"
#include "market/testing/random_portfolio.h"

namespace hadal::market {
namespace {

using Status = Optimum::Status;
constexpr double kInf = std::numeric_limits<double>::infinity();

QuadraticProgram parsed(const std::string& text) { return parse_problem(parse_json(text, "problem"), "problem"); }
Optimum solved(const std::string& text) { return QpSolver(parsed(text)).solve(); }
std::string refused(const std::string& text) {
  return hadal::test::error_of([&] { solved(text); });
}

void expect_solved(const Optimum& o, const std::vector<double>& x, double within = 1e-9) {
  ASSERT_EQ(o.status, Status::solved) << o.kkt_residual;
  EXPECT_LE(o.kkt_residual, kGoodResidual);
  ASSERT_EQ(o.x.size(), x.size());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(o.x[i], x[i], within) << i;
}

TEST(Optimize, MeetsTheVectors) {
  const Json all = parse_json(read_file(Path(HADAL_SOURCE_DIR) / "tests/market/vectors/qp.json"), "qp.json");
  ASSERT_EQ(all.at("cases").size(), 4u);
  for (const Json& one : all.at("cases")) {
    const Optimum o = QpSolver(parse_problem(one.at("problem"), "problem")).solve();
    if (!one.contains("x")) {
      EXPECT_EQ(o.status, Status::infeasible);
      EXPECT_EQ(o.conflict, (std::vector<std::string>{"budget = 1", "upper bounds (sum 0.8)"}));
      continue;
    }
    expect_solved(o, one.at("x").get<std::vector<double>>(), one.at("tolerance").at("x"));
    EXPECT_NEAR(o.objective, one.at("objective").get<double>(), one.at("tolerance").at("objective").get<double>());
    EXPECT_LE(o.kkt_residual, 1e-13);
  }
}

TEST(Optimize, WeightsOrMoneyAreTheSameProblem) {
  constexpr double kMoney = 1 << 30;  // what the weights are of: a power of 2, so that all bits are the same
  for (const uint64_t seed : {1, 2, 3}) {
    const PortfolioProblem weights = test::random_portfolio(60, 5, seed);
    PortfolioProblem money = weights;
    money.risk_aversion /= kMoney;
    money.budget = weights.budget * kMoney;
    money.turnover = weights.turnover * kMoney;
    for (auto* list : {&money.lower, &money.upper, &money.current, &money.benchmark})
      for (double& value : *list) value *= kMoney;
    for (auto& limit : money.factor_limits) limit.min *= kMoney, limit.max *= kMoney;
    const Optimum of_weights = QpSolver(program_of(weights)).solve(), of_money = QpSolver(program_of(money)).solve();
    ASSERT_EQ(of_weights.status, Status::solved);
    ASSERT_EQ(of_money.status, Status::solved);
    EXPECT_LE(of_money.iterations, of_weights.iterations + 5) << "no other way was tried in vain";
    for (size_t i = 0; i < 60; ++i) EXPECT_NEAR(of_money.x[i] / kMoney, of_weights.x[i], 1e-13) << i;
  }
}

test::SmallProgram random_small(Rng& rng, size_t n, size_t m) {
  test::SmallProgram s;
  std::vector<double> root(n * n);
  for (double& value : root) value = rng.normal();
  s.p.resize(n * n);
  for (size_t i = 0; i < n; ++i)
    for (size_t k = 0; k < n; ++k) {
      for (size_t c = 0; c < n; ++c) s.p[i * n + k] += root[c * n + i] * root[c * n + k];
      if (i == k) s.p[i * n + k] += 0.05;
    }
  for (size_t i = 0; i < n; ++i) s.q.push_back(3 * rng.normal());
  for (size_t r = 0; r < m; ++r) {
    const bool bound = r < n;
    for (size_t i = 0; i < n; ++i) s.a.push_back(bound ? (i == r ? 1.0 : 0.0) : rng.normal());
    const double low = rng.normal(), width = rng.below(4) == 0 ? 0 : std::fabs(2 * rng.normal());
    s.l.push_back(rng.below(4) == 0 ? -kInf : low);
    s.u.push_back(rng.below(4) == 0 ? kInf : low + width);
  }
  return s;
}

Json json_of(const test::SmallProgram& s) {
  Json json;
  const auto matrix = [&](const std::vector<double>& values) {
    Json rows = Json::array();
    for (size_t i = 0; i < values.size(); i += s.n())
      rows.push_back(std::vector<double>(values.begin() + static_cast<std::ptrdiff_t>(i),
                                         values.begin() + static_cast<std::ptrdiff_t>(i + s.n())));
    return rows;
  };
  const auto limits = [](const std::vector<double>& values) {
    Json list = Json::array();
    for (const double value : values) list.push_back(std::isfinite(value) ? Json(value) : Json(nullptr));
    return list;
  };
  return {{"P", matrix(s.p)}, {"q", s.q}, {"A", matrix(s.a)}, {"l", limits(s.l)}, {"u", limits(s.u)}};
}

TEST(Optimize, FindsWhatTryingEveryActiveSetFinds) {
  Rng rng(11);
  int num_infeasible = 0;
  for (int round = 0; round < 120; ++round) {
    const size_t n = 1 + rng.below(4);
    const test::SmallProgram s = random_small(rng, n, n + rng.below(3));
    const auto best = test::by_every_active_set(s);
    const Optimum o = QpSolver(parse_problem(json_of(s), "random")).solve();
    SCOPED_TRACE(fmt::format("{}: {}", round, dump_json(json_of(s))));
    num_infeasible += !best;
    if (!best) {
      EXPECT_EQ(o.status, Status::infeasible);
      EXPECT_FALSE(o.conflict.empty());
      continue;
    }
    expect_solved(o, *best, 1e-7);
    EXPECT_NEAR(o.objective, test::value_of(s, *best), 1e-9 * (1 + std::fabs(o.objective)));
  }
  EXPECT_GT(num_infeasible, 5);
  EXPECT_LT(num_infeasible, 60);
}

// Costs, turnover and leverage: on each side of the references the problem is smooth, and the best side counts.
TEST(Optimize, FindsTheBestSideOfEveryKink) {
  Rng rng(12);
  for (int round = 0; round < 40; ++round) {
    const size_t n = 2 + rng.below(2);
    PortfolioProblem p;
    const test::SmallProgram risk = random_small(rng, n, 0);
    p.covariance = risk.p;
    p.mean = risk.q;
    p.risk_aversion = 2;
    p.budget = 1;
    p.lower.assign(n, -1);
    p.upper.assign(n, 1.5);
    for (size_t i = 0; i < n; ++i) {
      p.current.push_back(static_cast<double>(rng.below(5)) / 4 - 0.25);
      p.cost.push_back(rng.below(3) == 0 ? 0 : 2 * rng.uniform());
      p.quadratic_cost.push_back(rng.uniform());
    }
    if (rng.below(2) == 0) p.turnover = 0.6 + 2 * rng.uniform();
    if (rng.below(2) == 0) p.leverage = 1 + rng.uniform();
    double least = kInf;
    std::vector<double> best;
    for (size_t sides = 0; sides < size_t{1} << (2 * n); ++sides) {  // of current, and of 0
      test::SmallProgram s;
      double constant = 0;
      s.p = p.covariance;
      for (double& value : s.p) value *= 2;
      std::vector<double> turnover(n), leverage(n);
      double current_sum = 0;
      for (size_t i = 0; i < n; ++i) {
        turnover[i] = sides >> i & 1 ? 1 : -1;
        leverage[i] = sides >> (n + i) & 1 ? 1 : -1;
        s.p[i * n + i] += 2 * p.quadratic_cost[i];
        s.q.push_back(-p.mean[i] - 2 * p.quadratic_cost[i] * p.current[i] + turnover[i] * p.cost[i]);
        constant += p.quadratic_cost[i] * p.current[i] * p.current[i] - turnover[i] * p.cost[i] * p.current[i];
        current_sum += turnover[i] * p.current[i];
        for (size_t k = 0; k < n; ++k) s.a.push_back(i == k);
        s.l.push_back(std::max({-1.0, turnover[i] > 0 ? p.current[i] : -1, leverage[i] > 0 ? 0 : -1.0}));
        s.u.push_back(std::min({1.5, turnover[i] < 0 ? p.current[i] : 1.5, leverage[i] < 0 ? 0 : 1.5}));
      }
      if (std::mismatch(s.l.begin(), s.l.end(), s.u.begin(), std::less_equal<>()).first != s.l.end()) continue;
      const auto row = [&](const std::vector<double>& values, double l, double u) {
        s.a.insert(s.a.end(), values.begin(), values.end());
        s.l.push_back(l);
        s.u.push_back(u);
      };
      row(std::vector<double>(n, 1), 1, 1);
      if (p.turnover < kInf) row(turnover, -kInf, p.turnover + current_sum);
      if (p.leverage < kInf) row(leverage, -kInf, p.leverage);
      const auto x = test::by_every_active_set(s);
      if (x && test::value_of(s, *x) + constant < least) {
        least = test::value_of(s, *x) + constant;
        best = *x;
      }
    }
    SCOPED_TRACE(round);
    const Optimum o = QpSolver(program_of(p)).solve();
    if (best.empty()) {
      EXPECT_EQ(o.status, Status::infeasible);
    } else {
      expect_solved(o, best, 1e-7);
      EXPECT_NEAR(o.objective, -least, 1e-9);
    }
  }
}

// Given the whole matrix instead of one triangle, Clp says "optimal" of another problem.
TEST(Optimize, ClpSeesEachEntryOnce) {
  const QuadraticProgram program =
      parsed(R"({"P": [[2, 1.5, 0], [1.5, 3, -1], [0, -1, 4]], "q": [-1, -2, -3], "A": [[1, 1, 1]], "u": [10]})");
  const qp::Lifted lifted = qp::lifted_of(program, qp::bounds_of(program));
  EXPECT_EQ(lifted.quadratic.values.size(), 5u);
  const qp::ClpAnswer clp = qp::clp_solve(lifted);
  ASSERT_EQ(clp.status, qp::ClpAnswer::Status::optimal);
  // P x = -q
  const auto x = test::eliminate({{2, 1.5, 0, 1}, {1.5, 3, -1, 2}, {0, -1, 4, 3}});
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(clp.columns[i], (*x)[i], 1e-6);
  expect_solved(QpSolver(program).solve(), *x);
}

TEST(Optimize, TheInteriorWayComesToTheSameWithoutClp) {
  for (const size_t assets : {5, 60}) {
    const QuadraticProgram program = program_of(test::random_portfolio(assets, 4, assets));
    const qp::Bounds bounds = qp::bounds_of(program);
    const qp::Kinks kinks(program, bounds);
    const qp::Lifted lifted = qp::lifted_of(program, bounds);
    const qp::InteriorAnswer inner = qp::interior_solve(lifted);
    const qp::Point point = lifted.point_of(inner.columns.data(), inner.multipliers.data());
    EXPECT_LT(qp::residual_of(program, bounds, kinks, point), 1e-8);
    const qp::Polished polished =
        qp::polish(program, bounds, kinks, point, qp::active_set_of(program, bounds, kinks, point, 0, true), 120);
    EXPECT_LT(polished.residual, 1e-13);
    expect_solved(QpSolver(program).solve(), polished.point.x, 1e-9);
  }
}

TEST(Optimize, ManyAssetsColdAndWarm) {
  PortfolioProblem problem = test::random_portfolio(500, 20, 1);
  PortfolioOptimizer optimizer(problem);
  Optimum o = optimizer.solve();
  ASSERT_EQ(o.status, Status::solved) << o.kkt_residual;
  EXPECT_LE(o.kkt_residual, 1e-12);
  double sum = 0, turnover = 0;
  for (size_t i = 0; i < 500; ++i) {
    sum += o.x[i];
    turnover += std::fabs(o.x[i] - problem.current[i]);
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_LE(turnover, 0.3 + 1e-12);
  for (uint64_t day = 2; day < 5; ++day) {
    const std::vector<double> news = test::random_means(500, day);
    for (size_t i = 0; i < 500; ++i) problem.mean[i] = 0.95 * problem.mean[i] + 0.05 * news[i];
    problem.current = o.x;
    optimizer.set_mean(problem.mean);
    optimizer.set_current(problem.current);
    o = optimizer.solve();
    ASSERT_EQ(o.status, Status::solved) << o.kkt_residual;
    EXPECT_LE(o.kkt_residual, 1e-12);
    const Optimum cold = QpSolver(program_of(problem)).solve();
    EXPECT_NEAR(o.objective, cold.objective, 1e-12);
    for (size_t i = 0; i < 500; ++i) EXPECT_NEAR(o.x[i], cold.x[i], 1e-9);
  }
}

TEST(Optimize, AFactorModelAndItsMatrixAreOneProblem) {
  PortfolioProblem factors = test::random_portfolio(40, 3, 9), matrix = factors;
  matrix.covariance.assign(40 * 40, 0.0);
  for (size_t i = 0; i < 40; ++i)
    for (size_t k = 0; k < 40; ++k) {
      for (size_t f = 0; f < 3; ++f)
        matrix.covariance[i * 40 + k] += factors.loadings[i * 3 + f] * factors.loadings[k * 3 + f];
      if (i == k) matrix.covariance[i * 40 + k] += factors.specific[i];
    }
  matrix.loadings.clear();
  matrix.specific.clear();
  const Optimum a = QpSolver(program_of(factors)).solve(), b = QpSolver(program_of(matrix)).solve();
  expect_solved(b, a.x);
  EXPECT_NEAR(a.objective, b.objective, 1e-12);
}

TEST(Optimize, DegenerateProblems) {
  // One asset, with and without a choice.
  expect_solved(solved(R"({"mean": [0.1], "covariance": [[0.04]], "budget": 1})"), {1});
  expect_solved(solved(R"({"mean": [0.1], "covariance": [[0.04]], "lower": 0, "upper": 1})"), {1});
  expect_solved(solved(R"({"mean": [-0.1], "covariance": [[0.04]], "lower": [0], "upper": [1]})"), {0});
  expect_solved(solved(R"({"mean": [0.02], "covariance": [[0.04]], "cost": 0.001})"), {0.475});
  // No risk: a linear program, whose best corner is one asset at its cap and the rest of the budget in the next.
  expect_solved(solved(R"({"mean": [1, 3, 2], "covariance": [[0,0,0],[0,0,0],[0,0,0]], "lower": 0, "upper": 0.6,
                           "budget": 1})"),
                {0, 0.6, 0.4});
  expect_solved(solved(R"({"mean": [1, 3, 2], "loadings": [[1], [1], [1]], "specific": 0, "risk_aversion": 0,
                           "lower": 0, "upper": 0.6, "budget": 1})"),
                {0, 0.6, 0.4});
  // The same asset twice: any split is a solution, the sum is not.
  const Optimum twice = solved(R"({"mean": [0.1, 0.1, 0.02], "covariance": [[0.04, 0.04, 0], [0.04, 0.04, 0],
      [0, 0, 0.01]], "risk_aversion": 4, "lower": 0, "upper": 0.7, "budget": 1})");
  ASSERT_EQ(twice.status, Status::solved) << twice.kkt_residual;
  EXPECT_NEAR(twice.x[0] + twice.x[1], 0.6, 1e-9);
  // Fixed variables, and rows that say the same several times.
  expect_solved(solved(R"({"mean": [0, 0, 0], "covariance": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "lower": [0.5, 0, 0],
      "upper": [0.5, 1, 1], "budget": 1, "groups": [{"members": [0, 1, 2], "min": 1, "max": 1},
      {"members": [1, 2], "min": 0.5, "max": null}, {"members": [2, 1], "max": 0.5}]})"),
                {0.5, 0.25, 0.25});
  // All at once at a corner, where more limits meet than there are variables.
  expect_solved(solved(R"({"P": [[1, 0], [0, 1]], "q": [-5, -5], "A": [[1, 0], [0, 1], [1, 1], [1, 2], [2, 1]],
      "u": [1, 1, 2, 3, 3]})"),
                {1, 1});
  // Nothing but a budget; nothing at all.
  expect_solved(solved(R"({"P": [[2, 0], [0, 1]], "q": [0, 0], "A": [[1, 1]], "l": [3], "u": [3]})"), {1, 2});
  expect_solved(solved(R"({"P": [[2]], "q": [-4]})"), {2});
  expect_solved(solved(R"({"P": [[2, 1], [1, 2]], "q": [-3, -3], "A": [], "l": [], "u": []})"), {1, 1});
  // A turnover of nothing, and no trade where costs forbid it.
  expect_solved(solved(R"({"mean": [0.3, 0.1], "covariance": [[0.1, 0], [0, 0.1]], "current": [0.2, 0.8], "turnover": 0,
      "budget": 1})"),
                {0.2, 0.8});
  expect_solved(solved(R"({"mean": [0.11, 0.1], "covariance": [[0, 0], [0, 0]], "current": [0.2, 0.8], "cost": 0.01,
      "budget": 1, "lower": 0})"),
                {0.2, 0.8});
}

// Weights in money instead of shares.
TEST(Optimize, LargeNumbers) {
  expect_solved(solved(R"({"P": [[2e-6, 0], [0, 1e-6]], "q": [0, 0], "A": [[1, 1]], "l": [3e8], "u": [3e8]})"),
                {1e8, 2e8}, 1e-6);
}

// Risks of few days for many assets: the covariance lacks rank, and the scales are those of daily returns.
TEST(Optimize, CovariancesThatLackRank) {
  Rng rng(5);
  for (const size_t n : {30, 80}) {
    const size_t days = n / 3;
    PortfolioProblem p;
    p.covariance.assign(n * n, 0.0);
    for (size_t day = 0; day < days; ++day) {
      std::vector<double> returns;
      for (size_t i = 0; i < n; ++i) returns.push_back(0.01 * rng.normal());
      for (size_t i = 0; i < n; ++i)
        for (size_t k = 0; k < n; ++k) p.covariance[i * n + k] += returns[i] * returns[k] / static_cast<double>(days);
    }
    for (size_t i = 0; i < n; ++i) p.mean.push_back(0.0005 * rng.normal());
    p.lower.assign(n, 0.0);
    p.upper.assign(n, 0.2);
    p.budget = 1;
    for (const double aversion : {0.0, 1.0, 50.0}) {
      p.risk_aversion = aversion;
      const Optimum o = QpSolver(program_of(p)).solve();
      EXPECT_EQ(o.status, Status::solved) << n << " " << aversion << " " << o.kkt_residual;
      EXPECT_LE(o.kkt_residual, 1e-12) << n << " " << aversion;
    }
  }
}

TEST(Optimize, ContradictionsAreNamed) {
  const std::string start = R"({"mean": [0, 0, 0], "covariance": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "budget": 1, )";
  const auto conflict = [&](const std::string& rest) {
    const Optimum o = solved(start + rest + "}");
    EXPECT_EQ(o.status, Status::infeasible);
    EXPECT_TRUE(o.x.empty());
    return o.conflict;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(conflict(R"("lower": 0.4, "upper": 0.5)"), (Names{"budget = 1", "lower bounds (sum 1.2)"}));
  EXPECT_EQ(conflict(R"("lower": 0, "upper": 0.3, "turnover": 2)"), (Names{"budget = 1", "upper bounds (sum 0.9)"}));
  EXPECT_EQ(
      conflict(R"("lower": 0, "groups": [{"members": [0, 1], "min": 1.2}, {"members": [2], "min": 0, "max": 1}])"),
      (Names{"budget = 1", "lower bounds (sum 0)", "group 0 >= 1.2"}));
  EXPECT_EQ(conflict(R"("groups": [{"members": [0, 1], "min": 0.7}, {"members": [1, 0], "max": 0.6}])"),
            (Names{"group 0 >= 0.7", "group 1 <= 0.6"}));
  EXPECT_EQ(conflict(R"("current": [0.1, 0.1, 0.1], "turnover": 0.5)"), (Names{"budget = 1", "turnover <= 0.5"}));
  EXPECT_EQ(conflict(R"("leverage": 0.9)"), (Names{"budget = 1", "leverage <= 0.9"}));
  EXPECT_EQ(conflict(R"("upper": 0.5, "factor_limits": [{"exposure": [1, 2, 3], "min": 4}])"),
            (Names{"upper bounds (sum 1.5)", "factor limit 0 >= 4"}));
  // With a factor model, where all stand at their bounds at once.
  const Optimum factors = solved(R"({"mean": [0.08, 0.05, 0.06], "loadings": [[0.2], [0.1], [0.1]], "specific": 0.01,
      "current": [0.4, 0.3, 0.3], "cost": 0.002, "budget": 1, "lower": 0, "upper": 0.2, "turnover": 2})");
  EXPECT_EQ(factors.conflict, (Names{"budget = 1", "upper bounds (sum 0.6)"}));
  const Optimum plain = solved(R"({"P": [[1, 0], [0, 1]], "q": [0, 0], "A": [[1, 0], [1, 1], [-2, 0], [0, 0]],
      "l": [null, 0, null, 0], "u": [1, 5, -4, 0]})");
  EXPECT_EQ(plain.conflict, (Names{"row 0 <= 1", "row 2 <= -4"}));
  EXPECT_EQ(solved(R"({"P": [[1]], "q": [0], "A": [[0]], "l": [1], "u": [null]})").conflict, Names{"row 0 >= 1"});
}

TEST(Optimize, BadProblemsAreRefused) {
  const auto says = [](const std::string& text, const std::string& words) {
    const std::string error = refused(text);
    EXPECT_NE(error.find(words), std::string::npos) << text << "\n" << error;
  };
  says("[1]", "expected an object with \"P\"");
  says(R"({"P": [[1]], "q": [1], "B": 1})", "found \"B\"; did you mean \"");
  says(R"({"mean": [1], "covariance": [[1]], "turnovr": 1})", "did you mean \"turnover\"");
  says(R"({"mean": [1], "covariance": [[1]], "groups": [{"member": [0]}]})", "did you mean \"members\"");
  says(R"({"P": [[1, 0]], "q": [1, 2]})", "expected a square matrix, found 1 rows of 2 numbers");
  says(R"({"P": [[1]], "q": [1, 2]})", "expected 2 rows as q has numbers, found 1");
  says(R"({"P": [[1, 0], [0]], "q": [1, 2]})", "expected rows of one length");
  says(R"({"P": [[1e308]], "q": [1]})", "P: expected a finite number within");
  says(R"({"mean": [0.1], "covariance": [[1]], "lower": 1e20})", "lower: expected a limit that a number can meet");
  says(R"({"P": [[1]], "q": ["a"]})", "expected a finite number within -1e+100 and 1e+100, found \"a\"");
  says(R"({"P": [[1]], "q": [1], "A": [[1, 2]]})", "expected rows of 1 numbers as q has, found 2");
  says(R"({"P": [[1]], "q": [1], "A": [[1]], "l": [1, 2]})", "l: expected 1 numbers, found 2");
  says(R"({"P": [[1]], "q": [1], "A": [[1]], "l": [2], "u": [1]})", "expected l up to u in each row, found 2 and 1");
  says(R"({"P": [[1, 2], [0, 1]], "q": [1, 1]})", "P: expected a symmetric matrix, found");
  says(R"({"P": [[1, 2], [2, 1]], "q": [1, 1]})", "P: expected a positive semidefinite matrix");
  says(R"({"P": [[0, 1], [1, 0]], "q": [1, 1]})", "P: expected a positive semidefinite matrix");
  says(R"({"P": [[-1]], "q": [1], "A": [[1]], "l": [0], "u": [1]})", "found the eigenvalue -1");
  says(R"({"mean": [1, 1], "covariance": [[1, 2], [2, 1]]})", "covariance: expected a positive semidefinite matrix");
  says(R"({"P": [[0]], "q": [1]})", "improves without end");
  says(R"({"P": [[1, 1], [1, 1]], "q": [1, 0], "A": [[1, 0]], "u": [5]})", "improves without end");
  says(R"({"mean": [0.1, 0.2], "covariance": [[0, 0], [0, 0]], "budget": 1})", "improves without end");
  says(R"({"mean": [], "covariance": []})", "expected a number for each asset, found none");
  says(R"({"covariance": [[1]]})", "expected \"mean\", found none");
  says(R"({"mean": [1]})", "expected \"covariance\", found none");
  says(R"({"mean": [1, 2], "covariance": [[1]]})", "expected 2 rows as mean has numbers, found 1");
  says(R"({"mean": [1, 2], "loadings": [[1, 2, 3]], "specific": [1, 1]})", "expected a row for each of the 2 assets");
  says(R"({"mean": [1], "covariance": [[1]], "lower": 2, "upper": 1})",
       "bounds of asset 0: expected a lower limit up to the upper one, found 2 and 1");
  says(R"({"mean": [1], "covariance": [[1]], "cost": -1})", "cost: expected numbers that are not negative");
  says(R"({"mean": [1], "covariance": [[1]], "turnover": -1})", "turnover: expected a number that is not negative");
  says(R"({"mean": [1], "covariance": [[1]], "risk_aversion": -1})", "risk_aversion: expected");
  says(R"({"mean": [1], "covariance": [[1]], "current": [1, 2]})", "current: expected 1 numbers, found 2");
  says(R"({"mean": [1], "covariance": [[1]], "groups": [{"members": [1]}]})", "expected numbers of assets from 0 to 0");
  says(R"({"mean": [1], "covariance": [[1]], "groups": [{"members": [0, 0]}]})", "expected each member once");
  says(R"({"mean": [1], "covariance": [[1]], "groups": [{"members": [0], "min": 2, "max": 1}]})",
       "group 0: expected a lower limit up to the upper one");
  says(R"({"mean": [1], "covariance": [[1]], "factor_limits": [{"exposure": [1, 2]}]})",
       "expected an exposure for each");
}

TEST(Optimize, AProblemOfAFileIsNamedInMessages) {
  hadal::test::ScratchFolder folder;
  write_file_whole(folder / "p.json", R"({"P": [[1, 2], [2, 1]], "q": [1, 1]})");
  const std::string error = hadal::test::error_of([&] { optimize(folder / "p.json"); });
  EXPECT_NE(error.find("p.json: P: expected a positive semidefinite"), std::string::npos) << error;
  write_file_whole(folder / "nan.json", R"({"P": [[NaN]], "q": [1]})");
  EXPECT_NE(hadal::test::error_of([&] { optimize(folder / "nan.json"); }).find("nan.json"), std::string::npos);
  write_file_whole(folder / "good.json", R"({"P": [[2]], "q": [-4]})");
  EXPECT_EQ(optimize(folder / "good.json").x, std::vector<double>{2});
}

// The next day's problem: other risks, limits moved, what was chosen is held.
TEST(Optimize, AnotherProblemBeginsAtTheLastSolution) {
  PortfolioProblem problem = test::random_portfolio(80, 6, 3);
  PortfolioOptimizer optimizer(problem);
  int64_t warm = 0, cold = 0;
  for (uint64_t day = 0; day < 8; ++day) {
    const Optimum found = optimizer.solve(), fresh = PortfolioOptimizer(problem).solve();
    ASSERT_EQ(found.status, Optimum::Status::solved);
    EXPECT_LT(found.kkt_residual, 1e-12);
    for (size_t i = 0; i < 80; ++i) EXPECT_NEAR(found.x[i], fresh.x[i], 1e-9) << day;
    if (day > 0) warm += found.iterations, cold += fresh.iterations;
    problem.current = found.x;
    problem.mean = test::random_means(80, 3);
    const std::vector<double> other = test::random_means(80, day + 10);
    for (size_t i = 0; i < 80; ++i) problem.mean[i] += 0.1 * other[i];
    for (double& value : problem.loadings) value *= 1.01;
    problem.turnover *= 0.9;
    optimizer.set_problem(problem);
  }
  EXPECT_LT(warm, cold);
  optimizer.set_problem(test::random_portfolio(30, 2, 5));  // other sizes
  EXPECT_EQ(optimizer.solve().x, PortfolioOptimizer(test::random_portfolio(30, 2, 5)).solve().x);
}

}  // namespace
}  // namespace hadal::market
