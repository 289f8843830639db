// Whether a strategy looks ahead: its factors, forecasts and orders at sampled times, from everything that is known
// today, again from what was known at that time alone, and again with everything later scrambled. What differs by more
// than 1e-9 (of its size, where that is above 1) knew the future.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "market/forecast.h"

namespace hadal::market {

struct Leak {
  std::string node;  // a factor's name; else "forecast", else "orders"
  std::string symbol, time;
  double full = kMissing, cut = kMissing;  // from everything; from the data cut or scrambled behind `time`
};

struct LookaheadReport {
  int64_t samples = 0;
  // One for each factor that differs: at the first time and instrument. Where all factors are equal, the first that
  // stands on them.
  std::vector<Leak> leaks;
  bool clean() const { return leaks.empty(); }
};

// The panel as it was known at a time, from the instruments' first bars on; kEver: everything.
using PanelAsOf = std::function<Panel(Time as_of)>;
using SourceOf = std::function<std::unique_ptr<FeatureSource>(Panel panel)>;

// Throws Error for combinatorial folds, which train on later data by their nature. A strategy whose orders stand in a
// file computes nothing: it has no samples.
LookaheadReport check_lookahead(const StrategyFile& strategy, const PanelAsOf& panel_as_of, const SourceOf& source_of,
                                int64_t samples, uint64_t seed = 1);

OrderedJson to_json(const LookaheadReport& report);

}  // namespace hadal::market
