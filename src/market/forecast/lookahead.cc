#include "market/lookahead.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/rng.h"
#include "market/portfolio/portfolio.h"

namespace hadal::market {
namespace {

constexpr double kTolerance = 1e-9;

bool differs(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) != std::isnan(b);
  return std::fabs(a - b) > kTolerance * std::max({1.0, std::fabs(a), std::fabs(b)});
}

// What is computed at one row: each node's values, by instrument of the source's panel.
struct Node {
  std::string name;
  std::vector<double> values;
};

std::vector<double> row_of(const std::vector<double>& values, size_t row, size_t num_instruments) {
  const auto begin = values.begin() + static_cast<ptrdiff_t>(row * num_instruments);
  return {begin, begin + static_cast<ptrdiff_t>(num_instruments)};
}

std::vector<double> scores_for(const StrategyFile& strategy, const FeatureSource& source, std::optional<size_t> row) {
  if (!strategy.forecast) return factor_scores(strategy, source);
  TrainOptions options;
  options.only_row = row;
  return train(strategy, source, options).scores;
}

std::vector<Node> nodes_at(const StrategyFile& strategy, const FeatureSource& source, size_t row,
                           const std::vector<double>& scores) {
  const Panel& panel = source.panel();
  const size_t n = panel.num_instruments(), width = source.features().size();
  std::vector<Node> nodes;
  std::vector<double> values;
  source.read({row, row + 1}, values);
  for (size_t f = 0; f < width; ++f) {
    Node& node = nodes.emplace_back(Node{source.features()[f], std::vector<double>(n)});
    for (size_t i = 0; i < n; ++i) node.values[i] = values[i * width + f];
  }
  nodes.push_back({"forecast", row_of(scores, row, n)});
  if (!strategy.portfolio) return nodes;
  Node& orders = nodes.emplace_back(Node{"orders", std::vector<double>(n, 0)});
  PortfolioPolicy policy(*strategy.portfolio, strategy.file.string());  // as if it held nothing
  if (const auto rebalance = policy.decide(source, row, std::span(scores).subspan(row * n, n)))
    for (const TargetWeight& target : rebalance->targets) orders.values[target.instrument] = target.weight.to_double();
  return nodes;
}

// Everything behind `row` becomes nonsense of the same kind: prices and volumes of another size.
Panel scrambled(Panel panel, size_t row, uint64_t seed) {
  Rng rng(seed, row);
  for (size_t at = panel.at(row + 1, 0); at < panel.close.size(); ++at) {
    const double factor = std::exp(rng.normal()), amount = std::exp(rng.normal());
    for (auto* column : {&panel.open, &panel.high, &panel.low, &panel.close}) (*column)[at] *= factor;
    if (!panel.vwap.empty()) panel.vwap[at] *= factor;
    panel.volume[at] *= amount;
  }
  return panel;
}

// Evenly over the rows that have something to compare.
std::vector<size_t> sampled_rows(const std::vector<size_t>& candidates, int64_t samples) {
  const size_t count = std::min(candidates.size(), static_cast<size_t>(samples));
  std::vector<size_t> rows;
  for (size_t k = 0; k < count; ++k) rows.push_back(candidates[(2 * k + 1) * candidates.size() / (2 * count)]);
  return rows;
}

class Check {
 public:
  Check(const StrategyFile& strategy, const FeatureSource& full, LookaheadReport& report)
      : strategy_(strategy), full_(full), report_(report) {}

  void set_scores(std::vector<double> scores) { scores_ = std::move(scores); }
  // Compares a row of everything with that row of other data, which may have fewer rows and instruments.
  void compare(size_t row, const FeatureSource& other);

 private:
  void compare(size_t row, const Node& full, const Node* cut, const Panel& panel);
  bool has_leak(const std::string& node) const {
    return std::any_of(report_.leaks.begin(), report_.leaks.end(), [&](const Leak& l) { return l.node == node; });
  }

  const StrategyFile& strategy_;
  const FeatureSource& full_;
  std::vector<double> scores_;
  LookaheadReport& report_;
};

void Check::compare(size_t row, const FeatureSource& other) {
  const Panel& panel = other.panel();
  const std::vector<Node> full = nodes_at(strategy_, full_, row, scores_);
  const auto found = std::lower_bound(panel.times.begin(), panel.times.end(), full_.panel().times[row]);
  std::vector<Node> cut;
  if (found != panel.times.end() && *found == full_.panel().times[row]) {
    const auto at = static_cast<size_t>(found - panel.times.begin());
    cut = nodes_at(strategy_, other, at, scores_for(strategy_, other, at));
  }
  const size_t num_factors = full_.features().size();
  for (size_t k = 0; k < full.size(); ++k) {
    if (k >= num_factors && !report_.leaks.empty()) return;  // it stands on what leaks already
    if (!has_leak(full[k].name)) compare(row, full[k], cut.empty() ? nullptr : &cut[k], panel);
  }
}

void Check::compare(size_t row, const Node& full, const Node* cut, const Panel& panel) {
  const Panel& all = full_.panel();
  for (size_t i = 0; i < all.num_instruments(); ++i) {
    const auto found = std::find(panel.symbols.begin(), panel.symbols.end(), all.symbols[i]);
    const bool there = cut && found != panel.symbols.end();
    const auto j = static_cast<size_t>(found - panel.symbols.begin());
    // A share of nothing is the order of an instrument that was not known yet.
    const double value = there ? cut->values[j] : full.name == "orders" ? 0 : kMissing;
    if (!differs(full.values[i], value)) continue;
    const bool daily = row + 1 >= all.num_times() || all.sessions[row + 1] != all.sessions[row];
    report_.leaks.push_back({full.name, all.symbols[i],
                             daily ? date_text(all.sessions[row]) : time_text(all.times[row]), full.values[i], value});
    return;
  }
}

}  // namespace

LookaheadReport check_lookahead(const StrategyFile& strategy, const PanelAsOf& panel_as_of, const SourceOf& source_of,
                                int64_t samples, uint64_t seed) {
  HADAL_CHECK(!strategy.series && samples > 0, "a strategy of instruments, and samples");
  LookaheadReport report;
  if (!strategy.needs_factors()) return report;
  if (strategy.forecast && strategy.forecast->window == "combinatorial") {
    fail(
        "{}: window: expected rolling or expanding windows, found combinatorial ones, which train on later data by "
        "their nature",
        strategy.file.string());
  }
  const auto full = source_of(panel_as_of(kEver));
  Check check(strategy, *full, report);
  std::vector<size_t> candidates;
  const RowRange rows = rows_of(strategy, full->panel());
  const std::vector<double> scores = scores_for(strategy, *full, std::nullopt);
  const size_t n = full->panel().num_instruments();
  for (size_t row = rows.first; row < rows.last; ++row) {
    const auto values = row_of(scores, row, n);
    if (std::any_of(values.begin(), values.end(), [](double v) { return !std::isnan(v); })) candidates.push_back(row);
  }
  if (candidates.empty()) fail("{}: expected forecasts to compare, found none at any time", strategy.file.string());
  check.set_scores(scores);
  for (const size_t row : sampled_rows(candidates, samples)) {
    check.compare(row, *source_of(panel_as_of(full->panel().times[row])));
    check.compare(row, *source_of(scrambled(full->panel(), row, seed)));
    ++report.samples;
  }
  return report;
}

OrderedJson to_json(const LookaheadReport& report) {
  OrderedJson json;
  json["clean"] = report.clean();
  json["samples"] = report.samples;
  json["leaks"] = OrderedJson::array();
  for (const Leak& leak : report.leaks) {
    json["leaks"].push_back(OrderedJson{{"node", leak.node},
                                        {"symbol", leak.symbol},
                                        {"time", leak.time},
                                        {"full", number_or_null(leak.full)},
                                        {"cut", number_or_null(leak.cut)}});
  }
  return json;
}

}  // namespace hadal::market
