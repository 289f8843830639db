#include "market/paper/history.h"

#include <algorithm>
#include <limits>
#include <map>

#include "market/data/store.h"
#include "market/data/universe.h"
#include "market/factor_source.h"

namespace hadal::market::paper {
namespace {

Query past_of(const StrategyFile& strategy) {
  Query query = query_of(strategy);
  query.prices = Prices::raw;  // shown as the strategy sees them here, from the first bar on
  query.to = strategy.start ? *strategy.start - 1 : std::numeric_limits<Date>::min();
  return query;
}

void check_prices_of(const StrategyFile& strategy) {
  if (strategy.prices == Prices::raw || strategy.prices == Prices::forward) return;
  fail(
      "{}: prices: expected forward or raw for factors on paper, found {}: later splits and dividends rewrite those of "
      "the past, so nobody sees on the day what the backtest sees; the returns of forward are the same",
      strategy.file.string(), text_of(strategy.prices));
}

}  // namespace

void ForwardPrices::step(Date session, double raw_close) {
  for (; next_ < actions_.size() && actions_[next_].effective <= session; ++next_) {
    const Action& action = actions_[next_];
    if (std::isnan(close_)) continue;  // before the first bar
    double split = 1, dividend = 0;
    if (action.kind == Action::Kind::split && splits_)
      split = static_cast<double>(action.over) / static_cast<double>(action.under);
    else if (action.kind == Action::Kind::dividend && dividends_)
      dividend = action.amount.to_double() / close_;
    if (dividend >= 1) continue;
    price_ *= split / (1 - dividend);
    volume_ /= split;
  }
  close_ = raw_close;
}

History::History(const StrategyFile& strategy, const Market& market, const std::vector<std::string>& symbols)
    : strategy_(strategy), market_(market), query_(past_of(strategy)) {
  check_prices_of(strategy);
  column_.assign(symbols.size(), -1);
  panel_.symbols = market.symbols_of(query_);
  for (size_t i = 0; i < panel_.symbols.size(); ++i) {
    const std::string& symbol = panel_.symbols[i];
    const auto place = std::find(symbols.begin(), symbols.end(), symbol);
    HADAL_CHECK(place != symbols.end(), "{} is not traded", symbol);
    traded_.push_back(static_cast<int32_t>(place - symbols.begin()));
    column_[static_cast<size_t>(traded_.back())] = static_cast<int32_t>(i);
    const bool forward = strategy.prices == Prices::forward;
    const std::string stored = market.adjustment(symbol);
    shown_.emplace_back(forward && stored == "raw", forward && stored != "adjusted");
  }
  const std::vector<NamedExpression> factors = factors_of(strategy);
  if (!factors.empty()) {
    const FactorProgram program(factors, strategy.file.string() + ": [factors]");
    names_ = program.names();
    factors_.emplace(program, panel_.symbols);
  }
  if (strategy.forecast) {
    label_.emplace(std::vector<NamedExpression>{{"label", strategy.label}}, strategy.label_where, LookAhead::allowed);
    horizon_ = label_->look_ahead(0);
  }
  add_past();
}

void History::add_past() {
  if (strategy_.start)
    for (size_t i = 0; i < panel_.symbols.size(); ++i)
      for (const Action& action : market_.actions(panel_.symbols[i]))
        if (action.effective < *strategy_.start) shown_[i].add(action);
  const Panel past = market_.panel(query_);
  std::vector<SessionBar> bars;
  for (size_t row = 0; row < past.num_times(); ++row) {
    bars.clear();
    for (size_t i = 0; i < past.num_instruments(); ++i) {
      const size_t at = past.at(row, i);
      if (!past.has_bar(row, i)) continue;
      bars.push_back({{traded_[i], past.open[at], past.high[at], past.low[at], past.close[at], past.volume[at]},
                      past.vwap[at],
                      past.times[row]});
    }
    add_row(past.times[row], past.sessions[row], bars);
    add_features(false);
  }
  first_row_ = past.num_times();
}

void History::add(const EndedSession& session) {
  for (const FeedAction& item : session.actions)
    if (const int32_t i = column_[static_cast<size_t>(item.instrument)]; i >= 0)
      shown_[static_cast<size_t>(i)].add(item.action);
  std::map<Time, std::vector<SessionBar>> rows;  // exchanges close at their own times
  for (const SessionBar& bar : session.bars)
    if (column_[static_cast<size_t>(bar.bar.instrument)] >= 0) rows[bar.time].push_back(bar);
  for (const auto& [time, bars] : rows) {
    add_row(time, session.date, bars);
    add_features(true);
  }
}

void History::add_row(Time time, Date session, std::span<const SessionBar> bars) {
  const size_t row = panel_.num_times(), cells = (row + 1) * panel_.num_instruments();
  panel_.times.push_back(time), panel_.sessions.push_back(session);
  for (auto* column : {&panel_.open, &panel_.high, &panel_.low, &panel_.close, &panel_.volume, &panel_.vwap})
    column->resize(cells, kMissing);
  for (const SessionBar& item : bars) {
    const auto i = static_cast<size_t>(column_[static_cast<size_t>(item.bar.instrument)]);
    ForwardPrices& shown = shown_[i];
    shown.step(session, item.bar.close);
    const size_t at = panel_.at(row, i);
    panel_.open[at] = item.bar.open * shown.price(), panel_.high[at] = item.bar.high * shown.price();
    panel_.low[at] = item.bar.low * shown.price(), panel_.close[at] = item.bar.close * shown.price();
    panel_.volume[at] = item.bar.volume * shown.volume(), panel_.vwap[at] = item.vwap * shown.price();
  }
  add_member(row);
}

void History::add_member(size_t row) {
  const size_t n = panel_.num_instruments();
  panel_.member.resize((row + 1) * n, 1);
  if (query_.universe == "all") return;
  const Store& store = store_of(market_);
  std::vector<const Instrument*> instruments;
  for (const std::string& symbol : panel_.symbols) instruments.push_back(&store.resolve(symbol));
  Panel one;
  one.symbols = panel_.symbols;
  one.times = {panel_.times[row]}, one.sessions = {panel_.sessions[row]};
  one.member.assign(n, 0);
  fill_members(store, query_, instruments, one);
  std::copy(one.member.begin(), one.member.end(), panel_.member.begin() + static_cast<ptrdiff_t>(row * n));
}

void History::add_features(bool keep) {
  if (!factors_) return;
  const auto values = factors_->next(row_of(panel_, panel_.num_times() - 1));  // [factor][instrument]
  if (!keep) return;
  const size_t n = panel_.num_instruments(), width = names_.size(), begin = values_.size();
  values_.resize(begin + n * width);
  for (size_t f = 0; f < width; ++f)
    for (size_t i = 0; i < n; ++i) values_[begin + i * width + f] = values[f * n + i];
}

void History::read(RowRange rows, std::vector<double>& out) const {
  HADAL_CHECK(rows.first >= first_row_ && rows.first <= rows.last && rows.last <= panel_.num_times(), "rows {} to {}",
              rows.first, rows.last);
  const size_t width = panel_.num_instruments() * names_.size();
  const auto begin = values_.begin() + static_cast<ptrdiff_t>((rows.first - first_row_) * width);
  out.assign(begin, begin + static_cast<ptrdiff_t>(rows.size() * width));
}

void History::update_labels() {
  if (labels_.size() == panel_.close.size()) return;
  if (label_) {
    labels_ = evaluate_factors(*label_, panel_);
    label_ends_ = label_ends_of(panel_, horizon_);
    return;
  }
  labels_.assign(panel_.close.size(), kMissing);
  label_ends_.assign(panel_.close.size(), static_cast<uint32_t>(panel_.num_times()));
}

}  // namespace hadal::market::paper
