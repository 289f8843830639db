#include "market/portfolio/risk_parity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "market/portfolio/choice.h"
#include "market/portfolio/linear.h"

namespace hadal::market {
namespace {

constexpr int kMostNewtonSteps = 100;
constexpr double kFullStepBelow = 0.25;  // of the Newton decrement
constexpr double kOutside = std::numeric_limits<double>::infinity();

std::vector<double> product(const std::vector<double>& matrix, const std::vector<double>& x) {
  const size_t n = x.size();
  std::vector<double> out(n);
  for (size_t i = 0; i < n; ++i)
    out[i] = std::inner_product(x.begin(), x.end(), matrix.begin() + static_cast<ptrdiff_t>(i * n), 0.0);
  return out;
}

// n y'Cy / 2 - sum log y; infinite outside.
double objective(const std::vector<double>& covariance, const std::vector<double>& y) {
  if (std::any_of(y.begin(), y.end(), [](double value) { return !(value > 0); })) return kOutside;
  const std::vector<double> marginal = product(covariance, y);
  double value = 0;
  for (size_t i = 0; i < y.size(); ++i)
    value += 0.5 * static_cast<double>(y.size()) * y[i] * marginal[i] - std::log(y[i]);
  return value;
}

std::vector<double> moved(std::vector<double> y, const std::vector<double>& step, double length) {
  for (size_t i = 0; i < y.size(); ++i) y[i] -= length * step[i];
  return y;
}

// One step of Newton's method on y; false where the matrix is not positive definite.
bool newton_step(const std::vector<double>& covariance, std::vector<double>& y) {
  const size_t n = y.size();
  const double count = static_cast<double>(n);
  std::vector<double> hessian = covariance, gradient = product(covariance, y);
  for (double& value : hessian) value *= count;
  for (size_t i = 0; i < n; ++i) {
    hessian[i * n + i] += 1 / (y[i] * y[i]);
    gradient[i] = count * gradient[i] - 1 / y[i];
  }
  const std::vector<double> step = qp::solve_definite(hessian, gradient);
  if (step.empty()) return false;
  const double slope = std::inner_product(step.begin(), step.end(), gradient.begin(), 0.0);
  const double decrement = std::sqrt(std::max(0.0, slope));
  double length = 1;
  if (decrement > kFullStepBelow) {  // below, full steps converge quadratically; at 1 / (1 + decrement) it always falls
    const double before = objective(covariance, y);
    while (length > 1 / (1 + decrement) &&
           !(objective(covariance, moved(y, step, length)) < before - slope * length / 4))
      length = std::max(length / 2, 1 / (1 + decrement));
  }
  y = moved(std::move(y), step, length);
  return true;
}

// In proportion to 1 / volatility, of the length at which the objective is least.
std::vector<double> first_guess(const std::vector<double>& covariance, size_t n) {
  std::vector<double> y(n);
  for (size_t i = 0; i < n; ++i) y[i] = 1 / std::sqrt(covariance[i * n + i]);
  const std::vector<double> marginal = product(covariance, y);
  const double risk = std::sqrt(std::inner_product(y.begin(), y.end(), marginal.begin(), 0.0));
  for (double& value : y) value /= risk;
  return y;
}

// The `count` best scores among those with a history, or all of them; the same choice as `top`.
class RiskParity : public Chooser {
 public:
  RiskParity(const PortfolioSpec& spec, std::string who) : spec_(spec), who_(std::move(who)), histories_(spec.risk) {}

  std::optional<std::vector<TargetWeight>> choose(const FeatureSource& source, size_t row,
                                                  std::span<const double> scores) override {
    const Panel& panel = source.panel();
    const PastReturns returns = returns_of_best(histories_, panel, row, scored_at(panel, row, scores), spec_.count);
    if (returns.size() == 0) return std::nullopt;
    const std::string where = fmt::format("{}: [portfolio] on {}", who_, date_text(panel.sessions[row]));
    const auto weights = risk_parity(risk_model(spec_.risk, returns).dense(), returns.size(), where);
    return targets_of(returns.instruments, weights);
  }
  std::vector<std::string> notes() const override { return histories_.notes(); }

 private:
  PortfolioSpec spec_;
  std::string who_;
  Histories histories_;
};

}  // namespace

double contribution_error(const std::vector<double>& covariance, const std::vector<double>& weights) {
  const std::vector<double> marginal = product(covariance, weights);
  const double total = std::inner_product(weights.begin(), weights.end(), marginal.begin(), 0.0);
  if (!(total > 0 && total < kOutside)) return kOutside;
  double worst = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    worst = std::max(worst, std::fabs(weights[i] * marginal[i] / total - 1 / static_cast<double>(weights.size())));
  return worst;
}

std::vector<double> risk_parity(const std::vector<double>& covariance, size_t n, const std::string& who) {
  HADAL_CHECK(n > 0 && covariance.size() == n * n, "{} numbers of {}", covariance.size(), n);
  std::vector<double> y = first_guess(covariance, n);
  double error = 1;
  for (int step = 0; step < kMostNewtonSteps; ++step) {
    const double before = error;
    if (!newton_step(covariance, y)) break;
    error = contribution_error(covariance, y);
    if (error < kEqualWithin && error >= before / 2) break;  // to rounding
  }
  if (!(error <= kEqualWithin)) {
    fail(
        "{}: expected a positive definite covariance, so that contributions to risk can be equal, found contributions "
        "that differ by {:.3g}; take covariance = \"ledoit_wolf\" or more risk_days",
        who, error);
  }
  const double sum = std::accumulate(y.begin(), y.end(), 0.0);
  for (double& value : y) value /= sum;
  return y;
}

std::unique_ptr<Chooser> make_risk_parity(const PortfolioSpec& spec, const std::string& who) {
  return std::make_unique<RiskParity>(spec, who);
}

}  // namespace hadal::market
