// What was measured on data that training never sees: named figures, which logs, reports and the terminal show in their
// order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"

namespace hadal {

struct Metric {
  std::string name;  // in logs and reports: "loss", "pass@1"
  double value = 0;
  bool higher_is_better = false;
};

struct Evaluation {
  std::string name;             // of the data
  std::vector<Metric> metrics;  // the first one stands in the progress line
  int64_t tokens = 0;           // (or samples) that were measured

  const Metric* find(std::string_view metric) const;  // null: there is none of this name
};

// {NAME: {METRIC: value, ..., "tokens": N}, ...}; a value that is not finite is null.
OrderedJson evaluations_json(const std::vector<Evaluation>& evaluations);

// "novels: loss 2.1034, accuracy 0.4567; sums: loss 0.5000", for people.
std::string evaluations_text(const std::vector<Evaluation>& evaluations);

}  // namespace hadal
