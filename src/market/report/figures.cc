// figures.json: what a run says, gathered once, from which report and memo are made.
#include <algorithm>
#include <cmath>

#include "base/command.h"
#include "base/error.h"
#include "market/checks.h"
#include "market/report.h"
#include "market/report/curves.h"

namespace hadal::market {
namespace {

OrderedJson strategy_json(const StrategyFile& s) {
  OrderedJson json{{"file", s.file.string()},
                   {"name", s.file.stem().string()},
                   {"hash", s.hash()},
                   {"sets", s.sets},
                   {"factors", OrderedJson::object()},
                   {"label", nullptr},
                   {"forecaster", nullptr},
                   {"portfolio", s.portfolio ? OrderedJson(s.portfolio->kind) : OrderedJson(nullptr)},
                   {"broker", s.broker.profile}};
  for (const FactorSpec& factor : s.factors) json["factors"][factor.name] = factor.expression;
  if (s.forecast) {
    const ForecastSpec& f = *s.forecast;
    json["label"] = s.label;
    json["forecaster"] = f.kind == "factor" ? f.kind + " " + f.factor : f.kind;
    json["window"] = f.window;
    json["train_days"] = f.train_days, json["valid_days"] = f.valid_days;
    json["embargo_days"] = f.embargo_days, json["test_days"] = f.test_days;
    json["seeds"] = f.seeds.size();
    if (f.kind == "ridge") json["penalty"] = f.penalty;
  }
  if (!s.portfolio) return json;
  const bool from_file = s.portfolio->kind == "targets" || s.portfolio->kind == "orders";
  if (from_file) json["portfolio_file"] = s.portfolio->file.filename().string();
  if (s.portfolio->kind == "top" || (s.portfolio->kind == "risk_parity" && s.portfolio->count > 0))
    json["count"] = s.portfolio->count;
  if (!from_file) json["rebalance_days"] = s.portfolio->rebalance_days;
  if (!s.portfolio->score.empty()) json["score"] = s.portfolio->score;
  for (const auto& [key, value] : s.broker.values) json["broker_settings"][key] = value;
  return json;
}

OrderedJson data_json(const StrategyFile& s, const Market& market, const BacktestRun& run) {
  const auto& curve = run.result.curve;
  return {{"market", market.name()},
          {"market_path", s.market},
          {"first", date_text(curve.front().date)},
          {"last", date_text(curve.back().date)},
          {"sessions", curve.size()},
          {"instruments", run.result.symbols.size()},
          {"universe", s.universe},
          {"frequency", s.frequency},
          {"calendar", market.calendar()},
          {"prices", text_of(s.prices)},
          {"prices_look_ahead", s.prices == Prices::back},
          {"stored_prices", stored_prices_text(market, run.result.symbols)},
          {"hash", run.training.data_hash},
          {"symbols", run.result.symbols}};
}

// Of everything that the market has of these instruments.
OrderedJson quality_json(const Market& market, const std::vector<std::string>& symbols) {
  std::vector<std::string> last;
  for (const std::string& symbol : symbols) last.push_back(market.resolve(symbol));
  const CheckReport report = check_market(market, last);
  OrderedJson counts = OrderedJson::object();
  for (const auto& [code, count] : report.counts) counts[code] = count;
  const auto errors =
      std::count_if(report.issues.begin(), report.issues.end(), [](const Issue& i) { return i.is_error; });
  return {{"bars", report.bars},
          {"quarantined", errors},
          {"warnings", report.issues.size() - static_cast<size_t>(errors)},
          {"counts", std::move(counts)}};
}

OrderedJson costs_json(const BacktestResult& r) {
  const Decimal interest_paid = r.interest < Decimal{} ? -r.interest : Decimal{};
  const Decimal total = r.fees + r.borrow + r.slippage + interest_paid;
  OrderedJson json{{"fees", r.fees.text()},     {"slippage", r.slippage.text()},
                   {"borrow", r.borrow.text()}, {"interest_paid", interest_paid.text()},
                   {"total", total.text()},     {"share_of_start", nullptr}};
  if (r.start_equity > Decimal{}) json["share_of_start"] = total.to_double() / r.start_equity.to_double();
  return json;
}

OrderedJson earnings_json(const BacktestRun& run) {
  const BacktestResult& r = run.result;
  const Decimal last = r.last_equity();
  const double growth = last.to_double() / r.start_equity.to_double();
  // Since the first decision, as the returns.
  const size_t end = r.num_points(), first = std::min(r.first_decision, end - 1);
  const double years = (r.curve[end - 1].date - r.curve[first].date) / 365.25;
  OrderedJson json{{"profit", (last - r.start_equity).text()}, {"return", growth - 1}, {"years", years}};
  json["return_annual"] = growth > 0 && years > 0 ? number(std::pow(growth, 1 / years) - 1) : OrderedJson(nullptr);
  return json;
}

// Which of the tries of overlapping dates this run is, by when it was first of its kind among those that are known.
int64_t place_among_tries(const Market& market, const StrategyFile& strategy, const BacktestRun& run) {
  const std::string hash = strategy.hash();
  int64_t place = 0;
  for (const Trial& trial : market.trials()) {
    if (trial.to < run.result.curve.front().date || trial.from > run.result.curve.back().date) continue;
    ++place;
    if (trial.strategy == hash && trial.data == run.training.data_hash) return place;
  }
  return run.tries.count;
}

OrderedJson forecast_json(const BacktestRun& run) {
  if (run.training.forecast.is_null()) return nullptr;
  OrderedJson json = run.training.forecast;
  json.erase("run");
  const OrderedJson windows = json.at("windows");  // a copy: new keys move what stands in an object
  json["num_windows"] = windows.size();
  json["test_first"] = windows.empty() ? OrderedJson(nullptr) : windows.front().at("test").at(0);
  json["test_last"] = windows.empty() ? OrderedJson(nullptr) : windows.back().at("test").at(1);
  std::string best;
  for (const auto& [name, quality] : json.at("baselines").items()) {
    if (quality.at("rank_ic").is_null()) continue;
    if (best.empty() || quality.at("rank_ic").get<double>() > json["baselines"][best]["rank_ic"].get<double>())
      best = name;
  }
  json["best_baseline"] = nullptr;
  if (!best.empty())
    json["best_baseline"] = OrderedJson{{"name", best}, {"rank_ic", json["baselines"][best]["rank_ic"]}};
  return json;
}

}  // namespace

OrderedJson write_figures(const StrategyFile& strategy, const Market& market, const BacktestRun& run) {
  const BacktestResult& result = run.result;
  HADAL_CHECK(!result.curve.empty(), "a backtest without sessions");
  const OrderedJson traded = run.json();
  OrderedJson json;
  for (const auto& [key, value] : traded.items())
    if (key != "fills" && key != "seconds") json[key] = value;
  json["fills"] = result.fills.size();
  json["engine"] = result.has_ledger ? "event" : "vector";
  json["try"] = place_among_tries(market, strategy, run);
  json["trials_sharpe_sd"] = number(run.tries.sharpe_sd);
  json["strategy"] = strategy_json(strategy);
  json["data"] = data_json(strategy, market, run);
  json["quality"] = quality_json(market, result.symbols);
  json["earned"] = earnings_json(run);
  json["costs"] = costs_json(result);
  json["forecast"] = forecast_json(run);

  OrderedJson series;
  json["trading"] = add_trading(result, series);
  json["hold"] = add_hold(strategy, market, run, series);
  json["by_score"] = add_scores(run, series);
  json["series"] = std::move(series);
  write_file_whole(run.run / "figures.json", dump_json(json, 1) + "\n");
  return json;
}

Path find_run(const std::string& name_or_path) {
  const Path path = name_or_path, under = Path("runs") / name_or_path;
  for (const Path& run : {path, under})
    if (std::filesystem::is_directory(run)) return run;
  fail("{}: expected the folder of a run, or its name under runs/, found none; make one with: {}", name_or_path,
       command({"market", "backtest", "STRATEGY.toml"}));
}

OrderedJson read_figures(const Path& run) {
  const Path file = run / "figures.json";
  if (!std::filesystem::exists(file)) {
    fail("{}: expected figures.json of a backtest, found none; run: {}", run.string(),
         command({"market", "backtest", (run / "strategy.toml").string()}));
  }
  OrderedJson figures = parse_ordered_json(read_file(file, uint64_t{1} << 30), file.string());
  if (!figures.is_object() || !figures.contains("run") || !figures.contains("start_equity")) {
    fail("{}: expected figures of this version, found neither run nor start_equity; run: {}", file.string(),
         command({"market", "backtest", (run / "strategy.toml").string()}));
  }
  return figures;
}

}  // namespace hadal::market
