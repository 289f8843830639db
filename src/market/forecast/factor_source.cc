#include "market/factor_source.h"

#include <algorithm>

#include "base/error.h"
#include "base/memory.h"
#include "market/factors.h"

namespace hadal::market {
namespace {

class FactorSource : public FeatureSource {
 public:
  FactorSource(const StrategyFile& strategy, Panel panel);
  const Panel& panel() const override { return panel_; }
  const std::vector<std::string>& features() const override { return names_; }
  void read(RowRange rows, std::vector<double>& out) const override;
  int64_t horizon() const override { return horizon_; }
  const std::vector<double>& labels() const override { return labels_; }
  const std::vector<uint32_t>& label_ends() const override { return label_ends_; }

 private:
  void compute_features(const StrategyFile& strategy);
  void compute_labels(const StrategyFile& strategy);

  Panel panel_;
  RowRange rows_;  // for which features are kept
  std::vector<std::string> names_;
  std::vector<double> values_;  // [row of rows_][instrument][feature]
  int64_t horizon_ = 0;
  std::vector<double> labels_;
  std::vector<uint32_t> label_ends_;
};

FactorSource::FactorSource(const StrategyFile& strategy, Panel panel)
    : panel_(std::move(panel)), rows_(rows_of(strategy, panel_)) {
  compute_features(strategy);
  if (strategy.forecast) {
    compute_labels(strategy);
  } else {
    labels_.assign(panel_.close.size(), kMissing);
    label_ends_.assign(panel_.close.size(), static_cast<uint32_t>(panel_.num_times()));
  }
}

void FactorSource::compute_features(const StrategyFile& strategy) {
  const std::vector<NamedExpression> factors = factors_of(strategy);
  if (factors.empty()) return;
  const FactorProgram program(factors, strategy.file.string() + ": [factors]");
  names_ = program.names();
  const size_t n = panel_.num_instruments(), width = names_.size();
  const uint64_t bytes = uint64_t{rows_.size()} * n * width * sizeof(double);
  if (bytes > available_memory_bytes()) {
    fail(
        "{}: expected factors that fit in memory, found {} of {} instruments over {} rows: {:.1f} GB; take fewer "
        "factors, symbols or days",
        strategy.file.string(), width, n, rows_.size(), static_cast<double>(bytes) * 1e-9);
  }
  values_.resize(rows_.size() * n * width);
  evaluate_factors(program, panel_, [&](const FactorBlock& block) {
    for (size_t r = 0; r < block.num_rows; ++r) {
      const size_t row = block.first_row + r;
      if (!rows_.holds(row)) continue;
      double* to = values_.data() + (row - rows_.first) * n * width;
      for (size_t f = 0; f < width; ++f) {
        const auto values = block.cross_section(f, r);
        for (size_t i = 0; i < n; ++i) to[i * width + f] = values[i];
      }
    }
  });
}

void FactorSource::compute_labels(const StrategyFile& strategy) {
  const FactorProgram program({{"label", strategy.label}}, strategy.label_where, LookAhead::allowed);
  horizon_ = program.look_ahead(0);
  labels_ = evaluate_factors(program, panel_);
  label_ends_ = label_ends_of(panel_, horizon_);
}

void FactorSource::read(RowRange rows, std::vector<double>& out) const {
  HADAL_CHECK(rows.first >= rows_.first && rows.last <= rows_.last && rows.first <= rows.last, "rows {} to {}",
              rows.first, rows.last);
  const size_t width = panel_.num_instruments() * names_.size();
  const auto begin = values_.begin() + static_cast<ptrdiff_t>((rows.first - rows_.first) * width);
  out.assign(begin, begin + static_cast<ptrdiff_t>(rows.size() * width));
}

}  // namespace

std::vector<NamedExpression> factors_of(const StrategyFile& strategy) {
  std::vector<NamedExpression> factors;
  for (const auto& set : strategy.sets) {
    const auto own = factor_set(set, strategy.file.string() + ": sets");
    factors.insert(factors.end(), own.begin(), own.end());
  }
  for (const auto& factor : strategy.factors) factors.push_back({factor.name, factor.expression});
  return factors;
}

Query query_of(const StrategyFile& strategy) {
  Query query;
  query.symbols = strategy.symbols;
  query.to = strategy.end;
  query.prices = strategy.prices;
  query.universe = strategy.universe;
  return query;
}

void check_frequency(const StrategyFile& strategy, const Market& market) {
  const std::vector<std::string> symbols = market.symbols_of(query_of(strategy));
  if (symbols.empty()) return;
  const auto finest = std::min_element(symbols.begin(), symbols.end(), [&](const std::string& a, const std::string& b) {
    return market.interval(a) < market.interval(b);
  });
  const Time interval = market.interval(*finest);
  for (const std::string& symbol : symbols) {
    // Bars of a minute may pause, but those of a day are none of a minute.
    if (market.is_daily(symbol) == market.is_daily(*finest)) continue;
    fail(
        "{}: [data] expected instruments of one frequency, found {} with bars of {} and {} with bars of {}; name the "
        "symbols of one of them",
        strategy.file.string(), brief(*finest), frequency_text(interval), brief(symbol),
        frequency_text(market.interval(symbol)));
  }
  if (frequency_text(interval) == strategy.frequency) return;
  fail("{}: [data] frequency: expected \"{}\", as the bars of {} in this market are, found \"{}\"",
       strategy.file.string(), frequency_text(interval), brief(*finest), strategy.frequency);
}

PanelAsOf panels_of(const Market& market, const StrategyFile& strategy) {
  return [&market, query = query_of(strategy)](Time as_of) {
    Query then = query;
    then.as_of = as_of;
    if (as_of != kEver) then.to = date_of(as_of);
    Panel panel = market.panel(then);
    for (auto& symbol : panel.symbols) symbol = market.resolve(symbol);
    return panel;
  };
}

std::unique_ptr<FeatureSource> make_factor_source(const StrategyFile& strategy, Panel panel) {
  return std::make_unique<FactorSource>(strategy, std::move(panel));
}

}  // namespace hadal::market
