#include "market/backtest_run.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/clock.h"
#include "base/command.h"
#include "base/error.h"
#include "base/toml_table.h"
#include "market/factor_source.h"
#include "market/portfolio/portfolio.h"
#include "market/stopped.h"

namespace hadal::market {
namespace {

std::map<std::string, int32_t> places_of(const std::vector<std::string>& symbols) {
  std::map<std::string, int32_t> places;
  for (size_t i = 0; i < symbols.size(); ++i) places[symbols[i]] = static_cast<int32_t>(i);
  return places;
}

// From scores to targets at the closes of the feed's sessions.
Schedule schedule_of_scores(const StrategyFile& strategy, const Training& training, const Feed& feed,
                            PortfolioPolicy& policy, const std::atomic<bool>* stop) {
  const Panel& panel = training.source->panel();
  const auto places = places_of(feed.symbols);
  Schedule schedule;
  for (const Rebalance& rebalance :
       rebalances_of(policy, *training.source, training.scores, rows_of(strategy, panel), stop)) {
    for (const TargetWeight& target : rebalance.targets) {
      const auto place = places.find(panel.symbols[target.instrument]);
      HADAL_CHECK(place != places.end(), "{} is not traded", panel.symbols[target.instrument]);
      schedule.targets.push_back({.date = panel.sessions[rebalance.row],
                                  .time = feed.daily ? 0 : panel.times[rebalance.row],
                                  .instrument = place->second,
                                  .weight = target.weight});
    }
  }
  return schedule;
}

void write_run(const StrategyFile& strategy, const BacktestRun& run) {
  std::filesystem::create_directories(run.run);
  write_file_whole(run.run / "strategy.toml", strategy.text);
  write_file_whole(run.run / "orders.csv", run.result.orders_csv());
  write_file_whole(run.run / "fills.csv", run.result.fills_csv());
  write_file_whole(run.run / "equity.csv", run.result.equity_csv());
  if (run.result.has_ledger) write_file_whole(run.run / "ledger.txt", run.result.ledger_text());
  write_file_whole(run.run / "backtest.json", dump_json(run.json(), 1) + "\n");
}

}  // namespace

Query traded_query(const StrategyFile& strategy, const Broker& broker) {
  Query query = query_of(strategy);
  query.from = strategy.start;
  query.to = strategy.end;
  query.prices = broker.lean && strategy.prices == Prices::back ? Prices::back : Prices::raw;
  return query;
}

void check_tradable(const StrategyFile& strategy) {
  const std::string file = strategy.file.string();
  if (strategy.series)
    fail("{}: a plain series is not traded; train it with: {}", file, command({"market", "train", file}));
  if (!strategy.portfolio) fail("{}: expected [portfolio], which says what is held, found none", file);
  if (strategy.forecast && strategy.forecast->window == "combinatorial")
    fail("{}: window: combinatorial scores know later data and are not traded; expected rolling or expanding", file);
}

Tries tries_of(const std::vector<Trial>& trials, Date from, Date to) {
  std::vector<double> sharpes;
  Tries tries{0, 0};
  for (const Trial& trial : trials) {
    if (trial.to < from || trial.from > to) continue;
    ++tries.count;
    if (!std::isnan(trial.sharpe)) sharpes.push_back(trial.sharpe);
  }
  tries.count = std::max<int64_t>(tries.count, 1);
  const double sd = moments_of(sharpes).sd;
  if (sharpes.size() > 1 && !std::isnan(sd)) tries.sharpe_sd = sd;
  return tries;
}

OrderedJson BacktestRun::json() const {
  OrderedJson json{{"run", run.string()}};
  const OrderedJson traded = result.json();
  for (const auto& [key, value] : traded.items()) json[key] = value;
  json["statistics"] = statistics.json();
  json["trials"] = tries.count;
  json["seconds"] = seconds;
  if (!notes.empty()) json["notes"] = notes;
  return json;
}

void conclude_run(const StrategyFile& strategy, Market& market, BacktestRun& run) {
  run.returns = run.result.returns();
  const Date from = run.result.curve.front().date, to = run.result.curve.back().date;
  const Moments moments = moments_of(run.returns);
  market.record_trial({strategy.hash(), run.training.data_hash, run.run.string(), from, to, moments.sharpe()});
  run.tries = tries_of(market.trials(), from, to);
  StatisticsOptions statistics;
  statistics.periods = run.result.periods_a_year();
  statistics.trials = static_cast<double>(run.tries.count);
  statistics.trials_sd = run.tries.sharpe_sd;
  run.statistics = statistics_of(run.returns, statistics);
  write_run(strategy, run);
}

BacktestRun run_strategy(const StrategyFile& strategy, Market& market, const BacktestOptions& options) {
  check_tradable(strategy);
  TomlTable table = strategy.broker_table();
  const Broker broker = read_broker(table, strategy.folder());
  table.finish();
  check_frequency(strategy, market);
  const Query query = traded_query(strategy, broker);
  const Feed feed = feed_from_market(market, query, strategy.frequency == "1d");
  if (feed.sessions.empty()) {
    fail("{}: expected bars of {} between start and end, found none; {} shows what is there", strategy.file.string(),
         strategy.market, command({"market", "show", strategy.market}));
  }

  check_stop(options.train.stop);
  BacktestRun run;
  Schedule schedule;
  if (strategy.needs_factors()) {
    PortfolioPolicy policy(*strategy.portfolio, strategy.file.string());  // its files are read before anything is done
    run.training = train_run(strategy, market, options.train, true);
    if (!run.training.was_trained && strategy.forecast) {  // a try, whatever comes of trading it
      market.record_trial({strategy.hash(), run.training.data_hash, run.training.run.string(),
                           feed.sessions.front().date, feed.sessions.back().date, kMissing});
    }
    schedule = schedule_of_scores(strategy, run.training, feed, policy, options.train.stop);
    run.notes = policy.notes();
  } else {
    run.training.data_hash = market.data_hash(query);
    run.training.run = run_folder(strategy, run.training.data_hash);
    run.training.held = std::make_shared<RunLock>(run.training.run);
    schedule = read_schedule(strategy.portfolio->file, feed);
  }
  run.run = run.training.run;

  const Stopwatch watch;
  if (options.engine == EngineKind::vector) {
    run.result = run_vector(feed, broker, schedule, options.train.stop);
  } else {
    const auto follower = scheduled_strategy(std::move(schedule), broker, &feed);
    run.result = run_backtest(feed, broker, *follower, options.train.stop);
  }
  run.seconds = watch.seconds();
  check_stop(options.train.stop);

  conclude_run(strategy, market, run);
  return run;
}

}  // namespace hadal::market
