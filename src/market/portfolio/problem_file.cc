#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "base/toml_table.h"
#include "market/optimize.h"

namespace hadal::market {

namespace {

constexpr double kBoundless = std::numeric_limits<double>::infinity();

struct ProblemMatrix {
  size_t rows = 0, columns = 0;
  std::vector<double> values;
};

// An object of JSON whose keys are all known.
class ProblemReader {
 public:
  ProblemReader(const Json& json, std::string who, const std::vector<std::string>& known)
      : json_(json), who_(std::move(who)) {
    if (!json.is_object()) fail("{}: expected an object, found {}", who_, brief_json(json));
    for (const auto& [key, value] : json.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        fail("{}: expected keys that are known, found \"{}\"; did you mean \"{}\"?", who_, brief(key),
             nearest_word(key, known));
  }

  bool has(const char* key) const { return json_.contains(key) && !json_.at(key).is_null(); }
  const Json& at(const char* key) const {
    if (!has(key)) fail("{}: expected \"{}\", found none", who_, key);
    return json_.at(key);
  }
  double number(const char* key, double otherwise) const {
    return has(key) ? number_of(json_.at(key), name(key)) : otherwise;
  }
  // A limit: null, and a number from 1e20 on, is none.
  double limit(const char* key, double none) const {
    return has(key) ? limit_of(json_.at(key), none, name(key)) : none;
  }
  std::vector<double> numbers(const char* key) const {
    std::vector<double> values;
    for (const Json& value : list(key)) values.push_back(number_of(value, name(key)));
    return values;
  }
  // One for each of n, or one number for all; empty where the key is absent.
  std::vector<double> for_each(const char* key, size_t n) const {
    if (!has(key)) return {};
    if (json_.at(key).is_number()) return std::vector<double>(n, number(key, 0));
    return sized(numbers(key), n, key);
  }
  std::vector<double> limits(const char* key, size_t n, double none) const {
    if (!has(key)) return {};
    if (json_.at(key).is_number()) return std::vector<double>(n, limit(key, none));
    std::vector<double> values;
    for (const Json& value : list(key)) values.push_back(limit_of(value, none, name(key)));
    return sized(std::move(values), n, key);
  }
  std::vector<double> sized(std::vector<double> values, size_t n, const char* key) const {
    if (values.size() != n) fail("{}: expected {} numbers, found {}", name(key), n, values.size());
    return values;
  }
  ProblemMatrix matrix(const char* key) const {
    ProblemMatrix m;
    for (const Json& row : list(key)) {
      if (!row.is_array()) fail("{}: expected a list of rows, found {}", name(key), brief_json(row));
      if (m.rows == 0) m.columns = row.size();
      if (row.size() != m.columns)
        fail("{}: expected rows of one length, found {} numbers in row {} and {} in row 0", name(key), row.size(),
             m.rows, m.columns);
      for (const Json& value : row) m.values.push_back(number_of(value, name(key)));
      ++m.rows;
    }
    return m;
  }
  ProblemMatrix square(const char* key) const {
    ProblemMatrix m = matrix(key);
    if (m.rows != m.columns)
      fail("{}: expected a square matrix, found {} rows of {} numbers", name(key), m.rows, m.columns);
    return m;
  }
  const Json& list(const char* key) const {
    const Json& found = at(key);
    if (!found.is_array()) fail("{}: expected a list, found {}", name(key), brief_json(found));
    return found;
  }
  std::string name(const char* key) const { return fmt::format("{}: {}", who_, key); }

 private:
  static double number_of(const Json& value, const std::string& name) {
    const double number = value.is_number() ? value.get<double>() : std::nan("");
    constexpr double kMost = 1e100;  // products of two stay finite
    if (!(std::fabs(number) <= kMost))
      fail("{}: expected a finite number within -{:g} and {:g}, found {}", name, kMost, kMost, brief_json(value));
    return number;
  }
  static double limit_of(const Json& value, double none, const std::string& name) {
    if (value.is_null()) return none;
    const double number = number_of(value, name);
    if (std::fabs(number) < 1e20) return number;
    if (std::signbit(number) != std::signbit(none))
      fail("{}: expected a limit that a number can meet, found {}; null is no limit", name, brief_json(value));
    return none;
  }

  const Json& json_;
  std::string who_;
};

// What solvers find wrong, with the name of the problem before it.
template <typename F>
auto named(const std::string& who, F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    fail("{}: {}", who, error.what());
  }
}

QuadraticProgram plain_program(const Json& json, const std::string& who) {
  const ProblemReader reader(json, who, {"P", "q", "A", "l", "u"});
  QuadraticProgram program;
  program.linear = reader.numbers("q");
  const size_t n = program.size = program.linear.size();
  if (n == 0) fail("{}: expected a number for each variable, found none", reader.name("q"));
  const ProblemMatrix p = reader.square("P");
  if (p.rows != n) fail("{}: expected {} rows as q has numbers, found {}", reader.name("P"), n, p.rows);
  program.dense = p.values;
  if (std::all_of(p.values.begin(), p.values.end(), [](double value) { return value == 0; })) program.dense.clear();
  const ProblemMatrix a = reader.has("A") ? reader.matrix("A") : ProblemMatrix{};
  if (a.rows > 0 && a.columns != n)
    fail("{}: expected rows of {} numbers as q has, found {}", reader.name("A"), n, a.columns);
  std::vector<double> l = reader.limits("l", a.rows, -kBoundless), u = reader.limits("u", a.rows, kBoundless);
  l.resize(a.rows, -kBoundless);
  u.resize(a.rows, kBoundless);
  for (size_t r = 0; r < a.rows; ++r) {
    if (l[r] > u[r] || l[r] == kBoundless || u[r] == -kBoundless)
      fail("{}: expected l up to u in each row, found {:g} and {:g} in row {}", who, l[r], u[r], r);
    const double* row = a.values.data() + r * n;
    size_t filled = 0, last = 0;
    for (size_t i = 0; i < n; ++i)
      if (row[i] != 0) {
        ++filled;
        last = i;
      }
    // What limits one variable is a bound.
    const bool bound = filled == 1, turned = bound && row[last] < 0;
    const double by = bound ? row[last] : 1;
    const auto index = static_cast<uint32_t>(bound ? last : program.num_rows());
    if (!bound) program.rows.insert(program.rows.end(), row, row + n);
    const Limit::On lower = bound ? Limit::On::lower : Limit::On::row_lower;
    const Limit::On upper = bound ? Limit::On::upper : Limit::On::row_upper;
    const Limit::Part low{turned ? upper : lower, index, l[r] / by}, up{turned ? lower : upper, index, u[r] / by};
    if (l[r] == u[r]) {
      program.limits.push_back({fmt::format("row {} = {:g}", r, l[r]), {low, up}});
      continue;
    }
    if (l[r] > -kBoundless) program.limits.push_back({fmt::format("row {} >= {:g}", r, l[r]), {low}});
    if (u[r] < kBoundless) program.limits.push_back({fmt::format("row {} <= {:g}", r, u[r]), {up}});
  }
  return program;
}

void read_risk(const ProblemReader& reader, PortfolioProblem& problem) {
  const size_t n = problem.mean.size();
  const ProblemMatrix loadings = reader.matrix("loadings");
  problem.specific = reader.for_each("specific", n);
  if (loadings.rows == n) {
    problem.loadings = loadings.values;
  } else if (loadings.columns == n) {  // a row for each factor
    for (size_t i = 0; i < n; ++i)
      for (size_t f = 0; f < loadings.rows; ++f) problem.loadings.push_back(loadings.values[f * n + i]);
  } else {
    fail("{}: expected a row for each of the {} assets, found {} rows of {} numbers", reader.name("loadings"), n,
         loadings.rows, loadings.columns);
  }
}

QuadraticProgram portfolio_of(const Json& json, const std::string& who) {
  const ProblemReader reader(
      json, who,
      {"mean", "covariance", "loadings", "specific", "risk_aversion", "benchmark", "current", "cost", "quadratic_cost",
       "lower", "upper", "budget", "groups", "factor_limits", "turnover", "leverage"});
  PortfolioProblem problem;
  const bool nested = reader.has("covariance") && reader.at("covariance").is_object();
  if (reader.has("covariance") && reader.has("loadings"))
    fail("{}: expected either \"covariance\" or \"loadings\" and \"specific\", found both", who);
  problem.mean = reader.numbers("mean");
  const size_t n = problem.mean.size();
  if (n == 0) fail("{}: expected a number for each asset, found none", reader.name("mean"));
  if (nested) {
    read_risk(ProblemReader(reader.at("covariance"), reader.name("covariance"), {"loadings", "specific"}), problem);
  } else if (reader.has("loadings")) {
    read_risk(reader, problem);
  } else {
    if (reader.has("specific"))
      fail(
          "{}: expected \"loadings\" beside \"specific\", found none; variances alone are loadings of one factor that "
          "are all 0",
          who);
    const ProblemMatrix covariance = reader.square("covariance");
    if (covariance.rows != n)
      fail("{}: expected {} rows as mean has numbers, found {}", reader.name("covariance"), n, covariance.rows);
    problem.covariance = covariance.values;
  }
  problem.risk_aversion = reader.number("risk_aversion", 1);
  problem.benchmark = reader.for_each("benchmark", n);
  problem.current = reader.for_each("current", n);
  problem.cost = reader.for_each("cost", n);
  problem.quadratic_cost = reader.for_each("quadratic_cost", n);
  problem.lower = reader.limits("lower", n, -kBoundless);
  problem.upper = reader.limits("upper", n, kBoundless);
  problem.budget = reader.number("budget", std::nan(""));
  problem.turnover = reader.limit("turnover", kBoundless);
  problem.leverage = reader.limit("leverage", kBoundless);
  if (reader.has("groups"))
    for (const Json& each : reader.list("groups")) {
      const ProblemReader group(each, reader.name("groups"), {"members", "min", "max"});
      PortfolioProblem::Group& added = problem.groups.emplace_back();
      for (const Json& member : group.list("members")) {
        if (!member.is_number_integer() || member.get<double>() < 0 || member.get<double>() >= static_cast<double>(n))
          fail("{}: expected numbers of assets from 0 to {}, found {}", group.name("members"), n - 1,
               brief_json(member));
        added.members.push_back(member.get<uint32_t>());
      }
      added.min = group.limit("min", -kBoundless);
      added.max = group.limit("max", kBoundless);
    }
  if (reader.has("factor_limits"))
    for (const Json& each : reader.list("factor_limits")) {
      const ProblemReader factor(each, reader.name("factor_limits"), {"exposure", "min", "max"});
      problem.factor_limits.push_back(
          {factor.numbers("exposure"), factor.limit("min", -kBoundless), factor.limit("max", kBoundless)});
    }
  return named(who, [&] { return program_of(problem); });
}

}  // namespace

QuadraticProgram parse_problem(const Json& json, const std::string& who) {
  if (!json.is_object())
    fail("{}: expected an object with \"P\" and \"q\", or with \"mean\" and \"covariance\", found {}", who,
         brief_json(json));
  return json.contains("P") || json.contains("q") ? plain_program(json, who) : portfolio_of(json, who);
}

QuadraticProgram read_problem(const Path& file) {
  return parse_problem(parse_json(read_file(file), file.string(), {.unique_names = true}), file.string());
}

Optimum optimize(const Path& file) {
  QuadraticProgram program = read_problem(file);
  return named(file.string(), [&] { return QpSolver(std::move(program)).solve(); });
}

}  // namespace hadal::market
