#include "cluster/daemon/ledger.h"

#include "base/json.h"

namespace hadal::cluster {
namespace {

constexpr double kJoulesPerKwh = 3.6e6;

}  // namespace

Cost cost_of(const PolicyRules& rules, double core_seconds, double joules, double unmeasured_core_seconds) {
  Cost cost;
  cost.core_hours = core_seconds / 3600;
  if (unmeasured_core_seconds <= 0)
    cost.joules = joules;
  else if (rules.watts_per_core > 0)
    cost.joules = joules + unmeasured_core_seconds * rules.watts_per_core, cost.estimated = true;
  const bool energy_counts = rules.kwh_price > 0;
  if ((rules.core_hour_price > 0 || energy_counts) && (!energy_counts || cost.joules))
    cost.money = cost.core_hours * rules.core_hour_price + cost.joules.value_or(0) / kJoulesPerKwh * rules.kwh_price;
  return cost;
}

Cost cost_of(const PolicyRules& rules, const std::vector<Attempt>& attempts) {
  double core_seconds = 0, joules = 0, unmeasured = 0;
  for (const Attempt& attempt : attempts) {
    core_seconds += attempt.core_seconds;
    (attempt.joules >= 0 ? joules : unmeasured) += attempt.joules >= 0 ? attempt.joules : attempt.core_seconds;
  }
  return cost_of(rules, core_seconds, joules, unmeasured);
}

OrderedJson cost_json(const Cost& cost) {
  const auto or_null = [](const std::optional<double>& value) { return value ? OrderedJson(*value) : OrderedJson(); };
  return {{"core_hours", cost.core_hours},
          {"joules", or_null(cost.joules)},
          {"money", or_null(cost.money)},
          {"estimated", cost.estimated}};
}

}  // namespace hadal::cluster
