// What was used: core-hours, joules and money, the sum of attempts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "cluster/policy.h"
#include "cluster/run.h"

namespace hadal::cluster {

struct Cost {
  double core_hours = 0;
  std::optional<double> joules, money;  // none: unknown
  bool estimated = false;               // joules from watts_per_core
};
Cost cost_of(const PolicyRules& rules, const std::vector<Attempt>& attempts);
// Of sums: `joules` were measured, but not those of `unmeasured_core_seconds`.
Cost cost_of(const PolicyRules& rules, double core_seconds, double joules, double unmeasured_core_seconds);
OrderedJson cost_json(const Cost& cost);

}  // namespace hadal::cluster
