#include "market/report/curves.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "market/factor_source.h"

namespace hadal::market {
namespace {

constexpr int kQuantiles = 5, kHorizons = 10;

// Of the values that are there; missing where none is.
double mean_of(const std::vector<double>& values) {
  double sum = 0, count = 0;
  for (const double value : values)
    if (std::isfinite(value)) sum += value, ++count;
  return count > 0 ? sum / count : kMissing;
}

// How many instruments are held at each close: fills and what the ledger says of splits and delistings, in order.
std::vector<int64_t> positions_by_session(const BacktestResult& result) {
  std::vector<Decimal> held(result.symbols.size());
  std::vector<int64_t> counts;
  int64_t count = 0;
  const auto set = [&](int32_t instrument, Decimal quantity) {
    Decimal& old = held[static_cast<size_t>(instrument)];
    count += static_cast<int64_t>(!quantity.is_zero()) - static_cast<int64_t>(!old.is_zero());
    old = quantity;
  };
  const auto add = [&](int32_t instrument, Decimal quantity) {
    set(instrument, held[static_cast<size_t>(instrument)] + quantity);
  };
  size_t event = 0, fill = 0;
  for (const EquityPoint& point : result.curve) {
    for (; event < result.events.size() && result.events[event].time <= point.time; ++event) {
      const LedgerEvent& e = result.events[event];
      if (e.kind == LedgerEvent::Kind::fill) add(e.instrument, e.quantity);
      if (e.kind == LedgerEvent::Kind::split) set(e.instrument, e.quantity);
      if (e.kind == LedgerEvent::Kind::delisting) set(e.instrument, {});
    }
    for (; !result.has_ledger && fill < result.fills.size() && result.fills[fill].time <= point.time; ++fill)
      add(result.fills[fill].instrument, result.fills[fill].quantity);
    counts.push_back(count);
  }
  return counts;
}

std::vector<double> turnover_by_session(const BacktestResult& result) {
  std::vector<double> turnover;
  size_t fill = 0;
  for (const EquityPoint& point : result.curve) {
    double traded = 0;
    for (; fill < result.fills.size() && result.fills[fill].time <= point.time; ++fill)
      traded += std::abs(result.fills[fill].quantity.to_double()) * result.fills[fill].price.to_double();
    const double equity = point.equity.to_double();
    turnover.push_back(equity > 0 ? traded / equity / 2 : 0);
  }
  return turnover;
}

std::string time_of(const BacktestResult& result, const EquityPoint& point) {
  return result.daily ? date_text(point.date) : time_text(point.time);
}

// Wealth of equal parts bought at row `first` of the panel, by row from there on; 1 at first.
std::vector<double> held_wealth(const Panel& panel, size_t first) {
  std::vector<double> bought(panel.num_instruments(), kMissing), last, wealth;
  for (size_t i = 0; i < bought.size(); ++i)
    if (panel.has_bar(first, i) && panel.member[panel.at(first, i)]) bought[i] = panel.close[panel.at(first, i)];
  last = bought;
  for (size_t row = first; row < panel.num_times(); ++row) {
    double sum = 0, count = 0;
    for (size_t i = 0; i < bought.size(); ++i) {
      if (std::isnan(bought[i])) continue;
      if (panel.has_bar(row, i)) last[i] = panel.close[panel.at(row, i)];
      sum += last[i] / bought[i], ++count;
    }
    wealth.push_back(count > 0 ? sum / count : kMissing);
  }
  return wealth;
}

// What each bar brought, from its instrument's last close.
std::vector<double> bar_returns(const Panel& panel) {
  std::vector<double> returns(panel.close.size(), kMissing), last(panel.num_instruments(), kMissing);
  for (size_t row = 0; row < panel.num_times(); ++row) {
    for (size_t i = 0; i < panel.num_instruments(); ++i) {
      if (!panel.has_bar(row, i)) continue;
      const double close = panel.close[panel.at(row, i)];
      returns[panel.at(row, i)] = close / last[i] - 1;
      last[i] = close;
    }
  }
  return returns;
}

OrderedJson months_json(const Panel& panel, const std::vector<double>& ic, const std::vector<double>& rank_ic) {
  struct Month {
    std::vector<double> ic, rank_ic;
  };
  std::map<std::string, Month> months;
  for (size_t row = 0; row < rank_ic.size(); ++row) {
    if (std::isnan(rank_ic[row])) continue;
    Month& month = months[date_text(panel.sessions[row]).substr(0, 7)];
    month.ic.push_back(ic[row]), month.rank_ic.push_back(rank_ic[row]);
  }
  OrderedJson list = OrderedJson::array();
  for (const auto& [name, month] : months)
    list.push_back({{"month", name},
                    {"ic", number(mean_of(month.ic))},
                    {"rank_ic", number(mean_of(month.rank_ic))},
                    {"times", month.rank_ic.size()}});
  return list;
}

}  // namespace

OrderedJson number(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr); }

OrderedJson add_trading(const BacktestResult& result, OrderedJson& series) {
  const std::vector<int64_t> positions = positions_by_session(result);
  const std::vector<double> turnover = turnover_by_session(result);
  for (const char* key : {"time", "equity", "drawdown", "long", "short", "net", "positions", "turnover"})
    series[key] = OrderedJson::array();
  // From the first decision on: before it there was nothing to hold. A ruin is the end.
  const size_t end = result.num_points();
  const size_t first = std::min(result.first_decision, end - 1);
  double peak = 0, longs = 0, shorts = 0, held = 0, traded = 0, deepest = 0;
  std::string deepest_at;
  int64_t most = 0;
  for (size_t i = 0; i < end; ++i) {
    const EquityPoint& point = result.curve[i];
    const double equity = point.equity.to_double(), cash = point.cash.to_double(), sold = point.shorts.to_double();
    const bool solvent = equity > 0;
    peak = std::max(peak, equity);
    const double drawdown = peak > 0 ? equity / peak - 1 : 0;
    const double of_longs = solvent ? (equity - cash + sold) / equity : 0, of_shorts = solvent ? sold / equity : 0;
    series["time"].push_back(time_of(result, point));
    series["equity"].push_back(equity);
    series["drawdown"].push_back(drawdown);
    series["long"].push_back(of_longs);
    series["short"].push_back(of_shorts);
    series["net"].push_back(of_longs - of_shorts);
    series["positions"].push_back(positions[i]);
    series["turnover"].push_back(turnover[i]);
    if (drawdown < deepest) deepest = drawdown, deepest_at = time_of(result, point);
    if (i < first) continue;
    longs += of_longs, shorts += of_shorts, held += static_cast<double>(positions[i]), traded += turnover[i];
    most = std::max(most, positions[i]);
  }
  const auto count = static_cast<double>(end - first);
  OrderedJson json{{"from", time_of(result, result.curve[first])},
                   {"sessions", end - first},
                   {"mean_long", longs / count},
                   {"mean_short", shorts / count},
                   {"mean_net", (longs - shorts) / count},
                   {"mean_positions", held / count},
                   {"most_positions", most},
                   {"mean_turnover", traded / count},
                   {"deepest_drawdown_at", nullptr}};
  if (!deepest_at.empty()) json["deepest_drawdown_at"] = deepest_at;
  return json;
}

OrderedJson add_hold(const StrategyFile& strategy, const Market& market, const BacktestRun& run, OrderedJson& series) {
  const std::span<const EquityPoint> curve(run.result.curve.data(), run.result.num_points());
  const size_t first = std::min(run.result.first_decision, curve.size() - 1);
  Query query = query_of(strategy);
  query.from = curve[first].date;
  query.prices = Prices::forward;
  const Panel panel = market.panel(query);
  series["hold"] = OrderedJson::array();
  size_t row = 0;
  while (row < panel.num_times() && panel.times[row] < curve[first].time) ++row;
  if (row == panel.num_times()) return nullptr;
  const size_t start = row;
  const std::vector<double> wealth = held_wealth(panel, start);
  if (std::isnan(wealth.front())) return nullptr;

  const double equity = curve[first].equity.to_double();
  std::vector<double> at_closes;
  for (size_t i = 0; i < curve.size(); ++i) {
    if (i < first) {
      series["hold"].push_back(nullptr);
      continue;
    }
    while (row + 1 < panel.num_times() && panel.times[row + 1] <= curve[i].time) ++row;
    at_closes.push_back(wealth[row - start]);
    series["hold"].push_back(equity * at_closes.back());
  }
  std::vector<double> returns, own;
  for (size_t i = 1; i < at_closes.size(); ++i) {
    returns.push_back(at_closes[i] / at_closes[i - 1] - 1);
    own.push_back(run.returns[i - 1]);
  }
  StatisticsOptions options;
  options.bootstrap.replicas = 100;  // its interval is not shown
  const ReturnStatistics statistics = statistics_of(returns, options);
  const Regression regression = alpha_beta(own, returns);
  const double years = (curve.back().date - curve[first].date) / 365.25, growth = at_closes.back();
  return {{"from", time_of(run.result, curve[first])},
          {"return", growth - 1},
          {"return_annual", years > 0 ? number(std::pow(growth, 1 / years) - 1) : OrderedJson(nullptr)},
          {"sharpe_annual", number(statistics.sharpe_annual)},
          {"max_drawdown", number(statistics.drawdown.depth)},
          {"alpha", number(regression.alpha)},
          {"beta", number(regression.beta)}};
}

OrderedJson add_scores(const BacktestRun& run, OrderedJson& series) {
  for (const char* key : {"ic_months", "quantiles", "spread_time", "spread", "decay"})
    series[key] = OrderedJson::array();
  if (!run.training.source || run.training.scores.empty()) return nullptr;
  const FeatureSource& source = *run.training.source;
  const Panel& panel = source.panel();
  const size_t n = panel.num_instruments();
  const std::vector<double>&scores = run.training.scores, &labels = source.labels();
  const std::vector<double> rank_ic = ic_series(scores, labels, n, IcKind::rank);
  series["ic_months"] = months_json(panel, ic_series(scores, labels, n, IcKind::pearson), rank_ic);
  if (series["ic_months"].empty()) return nullptr;

  int64_t positive = 0;
  for (const auto& month : series["ic_months"]) positive += !month["rank_ic"].is_null() && month["rank_ic"] > 0.0;
  OrderedJson json{{"months", series["ic_months"].size()},
                   {"months_above_zero", positive},
                   {"quantiles", nullptr},
                   {"top_mean", nullptr},
                   {"bottom_mean", nullptr},
                   {"spread_mean", nullptr}};
  const std::vector<double> decay = ic_decay(scores, bar_returns(panel), n, kHorizons);
  for (const double value : decay) series["decay"].push_back(number(value));
  const int quantiles = std::min<int>(kQuantiles, static_cast<int>(n) / 2);
  if (quantiles < 2) return json;
  const QuantileReturns by_quantile = quantile_returns(scores, labels, n, quantiles);
  for (const double mean : by_quantile.means) series["quantiles"].push_back(number(mean));
  for (size_t row = 0; row < by_quantile.spread.size(); ++row) {
    if (std::isnan(by_quantile.spread[row])) continue;
    series["spread_time"].push_back(date_text(panel.sessions[row]));
    series["spread"].push_back(by_quantile.spread[row]);
  }
  json["quantiles"] = quantiles;
  json["top_mean"] = number(by_quantile.means.back());
  json["bottom_mean"] = number(by_quantile.means.front());
  json["spread_mean"] = number(mean_of(by_quantile.spread));
  return json;
}

}  // namespace hadal::market
