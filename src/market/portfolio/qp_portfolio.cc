#include "market/portfolio/qp_portfolio.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/toml_table.h"
#include "market/stats.h"

namespace hadal::market {
namespace {

// The objective times this: mean and risk of a session are so small that a residual relative to 1 says little.
constexpr double kObjectiveScale = 1e4;

// Less their mean, over their (population) deviation; all 0 where there is none. A missing one becomes 0.
std::vector<double> standardised(std::vector<double> values) {
  double sum = 0, squares = 0, count = 0;
  for (const double value : values)
    if (!std::isnan(value)) sum += value, count += 1;
  const double mean = count > 0 ? sum / count : 0;
  for (double& value : values) value = std::isnan(value) ? 0 : value - mean;
  for (const double value : values) squares += value * value;
  const double deviation = count > 0 ? std::sqrt(squares / count) : 0;
  for (double& value : values) value = deviation > 0 ? value / deviation : 0;
  return values;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return b.empty() ? 0 : std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (size_t k = 0; k < parts.size(); ++k) text += (k == 0 ? "" : k + 1 == parts.size() ? " and " : ", ") + parts[k];
  return text;
}

}  // namespace

QpPortfolio::QpPortfolio(const PortfolioSpec& spec, std::string who)
    : spec_(spec.qp),
      risk_(spec.risk),
      count_(spec.count),
      horizon_(static_cast<double>(spec.rebalance_days)),
      who_(std::move(who)),
      histories_(spec.risk) {
  if (!spec_.groups.empty()) groups_ = read_groups(spec_.groups);
  if (!spec_.benchmark_file.empty()) benchmark_ = read_benchmark(spec_.benchmark_file);
  for (const QpSpec::Range& limit : spec_.group_limits) {
    const auto named = [&](const auto& pair) { return pair.second == limit.name; };
    if (std::none_of(groups_.begin(), groups_.end(), named))
      fail("{}: [[portfolio.group]]: expected the name of a group in {}, found \"{}\"", who_, spec_.groups.string(),
           brief(limit.name));
  }
}

void QpPortfolio::fail_there(const std::string& what) const { fail("{}: {}", where_, what); }

std::optional<std::vector<TargetWeight>> QpPortfolio::choose(const FeatureSource& source, size_t row,
                                                             std::span<const double> scores) {
  const Panel& panel = source.panel();
  const std::vector<Scored> scored = scored_at(panel, row, scores);
  const PastReturns returns = returns_of_best(histories_, panel, row, scored, count_);
  if (returns.size() == 0) return std::nullopt;
  where_ = fmt::format("{}: [portfolio] on {}", who_, date_text(panel.sessions[row]));
  const bool same_instruments = std::exchange(instruments_, returns.instruments) == returns.instruments;
  problem_ = PortfolioProblem();
  problem_.budget = spec_.budget;
  problem_.leverage = spec_.leverage;
  set_mean_and_risk(returns, those(scored, instruments_));
  set_benchmark(panel, row);
  set_current(panel, row);
  set_bounds(panel);
  admit_newcomers();
  set_groups(panel);
  set_factor_limits(source, row);
  const std::vector<TargetWeight> targets = targets_of(instruments_, solve(same_instruments));
  hold(panel, row, targets);
  return targets;
}

void QpPortfolio::set_mean_and_risk(const PastReturns& returns, const std::vector<Scored>& scored) {
  RiskModel risk = risk_model(risk_, returns);
  std::vector<double> values;
  for (const Scored& s : scored) values.push_back(s.score);
  problem_.mean = standardised(average_ranks(values));
  for (size_t k = 0; k < scored.size(); ++k)
    problem_.mean[k] *= kObjectiveScale * spec_.alpha * std::sqrt(horizon_ * risk.variance[k]);
  for (auto* values_of : {&risk.covariance, &risk.specific})
    for (double& value : *values_of) value *= horizon_;
  for (double& value : risk.loadings) value *= std::sqrt(horizon_);
  problem_.covariance = std::move(risk.covariance);
  problem_.loadings = std::move(risk.loadings);
  problem_.specific = std::move(risk.specific);
  problem_.risk_aversion = kObjectiveScale * spec_.risk_aversion;
  problem_.cost.assign(scored.size(), kObjectiveScale * spec_.cost_bps * 1e-4);
  problem_.quadratic_cost.assign(scored.size(), kObjectiveScale * spec_.quadratic_cost);
}

void QpPortfolio::set_benchmark(const Panel& panel, size_t row) {
  const size_t n = instruments_.size();
  if (spec_.benchmark == "none") return;
  problem_.benchmark.assign(n, spec_.budget / static_cast<double>(n));
  if (spec_.benchmark == "equal") return;
  const auto after = benchmark_.upper_bound(panel.sessions[row]);
  if (after == benchmark_.begin())
    fail_there(
        fmt::format("expected weights of {} up to that day, found the first on {}; begin there, or add earlier "
                    "ones",
                    spec_.benchmark_file.string(), date_text(after->first)));
  const std::map<std::string, double>& weights = std::prev(after)->second;
  double sum = 0;
  std::set<std::string> chosen;
  for (size_t k = 0; k < n; ++k) {
    const std::string& symbol = *chosen.insert(panel.symbols[instruments_[k]]).first;
    const auto found = weights.find(symbol);
    problem_.benchmark[k] = found == weights.end() ? 0 : found->second;
    sum += problem_.benchmark[k];
  }
  if (sum == 0)
    fail_there(fmt::format("expected a weight in {} for at least one instrument that can be chosen, found none",
                           spec_.benchmark_file.string()));
  for (double& weight : problem_.benchmark) weight *= spec_.budget / sum;
  for (const auto& [symbol, weight] : weights)
    if (weight > 0 && !chosen.contains(symbol)) outside_.insert(symbol);
}

void QpPortfolio::set_current(const Panel& panel, size_t row) {
  const size_t n = instruments_.size();
  problem_.current.assign(n, 0.0);
  if (is_first_) return;
  double total = 1;
  std::map<uint32_t, double> values;
  for (const auto& [instrument, holding] : held_) {
    const double value = holding.weight * last_close(panel, row, instrument) / holding.close;
    values[instrument] = value;
    total += value - holding.weight;
  }
  double leaves = 0;
  for (const auto& [instrument, value] : values) {
    const double weight = total > 0 ? value / total : 0;  // else nothing is left of it
    const auto found = std::lower_bound(instruments_.begin(), instruments_.end(), instrument);
    if (found != instruments_.end() && *found == instrument)
      problem_.current[static_cast<size_t>(found - instruments_.begin())] = weight;
    else
      leaves += std::fabs(weight);
  }
  problem_.turnover = spec_.turnover + leaves;
}

void QpPortfolio::set_bounds(const Panel& panel) {
  const size_t n = instruments_.size();
  problem_.lower.assign(n, spec_.lower);
  problem_.upper.assign(n, spec_.upper);
  if (spec_.active == QpSpec::kUnlimited) return;
  for (size_t k = 0; k < n; ++k) {
    double &lower = problem_.lower[k], &upper = problem_.upper[k];
    lower = std::max(lower, problem_.benchmark[k] - spec_.active);
    upper = std::min(upper, problem_.benchmark[k] + spec_.active);
    if (lower > upper)
      fail_there(
          fmt::format("expected bounds of {} that can hold together, found {:g} to {:g}, and {:g} about its "
                      "weight {:g} in the benchmark; loosen active, lower or upper",
                      panel.symbols[instruments_[k]], spec_.lower, spec_.upper, spec_.active, problem_.benchmark[k]));
  }
}

void QpPortfolio::set_groups(const Panel& panel) {
  if (spec_.group_limits.empty()) return;
  std::map<std::string, std::vector<uint32_t>> members;
  for (size_t k = 0; k < instruments_.size(); ++k) {
    const std::string& symbol = panel.symbols[instruments_[k]];
    const auto found = groups_.find(symbol);
    if (found == groups_.end())
      fail_there(
          fmt::format("expected a group of each instrument in {}, found none of {}", spec_.groups.string(), symbol));
    members[found->second].push_back(static_cast<uint32_t>(k));
  }
  for (const QpSpec::Range& limit : spec_.group_limits)
    problem_.groups.push_back({members[limit.name], limit.min, limit.max, limit.name});
}

void QpPortfolio::set_factor_limits(const FeatureSource& source, size_t row) {
  if (spec_.factor_limits.empty()) return;
  const std::vector<std::string>& names = source.features();
  std::vector<double> values;
  source.read({row, row + 1}, values);
  for (const QpSpec::Range& limit : spec_.factor_limits) {
    const auto found = std::find(names.begin(), names.end(), limit.name);
    if (found == names.end())
      fail_there(fmt::format("[[portfolio.factor]]: expected the name of a factor, found \"{}\"; the nearest is \"{}\"",
                             brief(limit.name), nearest_word(limit.name, names)));
    std::vector<double> exposure;
    for (const uint32_t instrument : instruments_)
      exposure.push_back(values[instrument * names.size() + static_cast<size_t>(found - names.begin())]);
    exposure = standardised(std::move(exposure));
    const double own = dot(exposure, problem_.benchmark);
    problem_.factor_limits.push_back({exposure, limit.min + own, limit.max + own, limit.name});
  }
}

std::vector<double> QpPortfolio::solve(bool same_instruments) {
  Optimum optimum;
  try {
    if (optimizer_ && same_instruments)
      optimizer_->set_problem(problem_);
    else
      optimizer_.emplace(problem_);
    optimum = optimizer_->solve();
  } catch (const Error& error) {
    fail_there(error.what());
  }
  if (optimum.status == Optimum::Status::infeasible) {
    fail_there(fmt::format("expected limits that can hold together, found that these cannot: {}; loosen one of them",
                           joined(optimum.conflict)));
  }
  if (optimum.status != Optimum::Status::solved) {
    fail_there(
        fmt::format("expected a solution with a residual up to {:g}, found {:g} after {} iterations; loosen the "
                    "limits or lower risk_aversion",
                    kGoodResidual, optimum.kkt_residual, optimum.iterations));
  }
  return optimum.x;
}

void QpPortfolio::admit_newcomers() {
  bool joins = false;
  double buys = 0, sells = 0;
  for (size_t k = 0; k < instruments_.size(); ++k) {
    joins = joins || (problem_.lower[k] > 0 && !held_.contains(instruments_[k]));
    buys += std::max(0.0, problem_.lower[k] - problem_.current[k]);
    sells += std::max(0.0, problem_.current[k] - problem_.upper[k]);
  }
  if (joins) problem_.turnover += 2 * std::max(buys, sells);  // what is bought is sold elsewhere
}

void QpPortfolio::hold(const Panel& panel, size_t row, const std::vector<TargetWeight>& targets) {
  held_.clear();
  is_first_ = false;
  for (const TargetWeight& target : targets)
    held_[target.instrument] = {target.weight.to_double(), panel.close[panel.at(row, target.instrument)]};
}

std::vector<std::string> QpPortfolio::notes() const {
  std::vector<std::string> notes = histories_.notes();
  if (!outside_.empty())
    notes.push_back(fmt::format("the benchmark's other weights stood in for those that could not be chosen: {}",
                                first_names(outside_)));
  return notes;
}

std::unique_ptr<Chooser> make_qp_portfolio(const PortfolioSpec& spec, const std::string& who) {
  return std::make_unique<QpPortfolio>(spec, who);
}

}  // namespace hadal::market
