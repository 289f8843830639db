// hadal market train STRATEGY.toml, hadal market check STRATEGY.toml --lookahead
#include <algorithm>
#include <cmath>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/market.h"
#include "cli/options.h"
#include "cli/training_process.h"
#include "market/factor_source.h"
#include "market/lookahead.h"
#include "market/training.h"

namespace hadal {
namespace {

std::string figure(const OrderedJson& value, const char* format = "{:.4f}") {
  return value.is_null() ? "-" : fmt::format(fmt::runtime(format), value.get<double>());
}

std::string table_of(const OrderedJson& forecast) {
  std::string text = forecast.at("headline").get<std::string>() + "\n\n";
  if (forecast.at("finding").is_null()) {
    text += fmt::format("  {:<12}{:>10}{:>10}\n", "", "MSE", "MAE");
    const auto line = [&](const std::string& name, const OrderedJson& q) {
      text += fmt::format("  {:<12}{:>10}{:>10}\n", name, figure(q.at("mse"), "{:.6f}"), figure(q.at("mae"), "{:.6f}"));
    };
    line("this", forecast);
    if (!forecast.at("by_seed").is_null())
      for (const auto& seed : forecast.at("by_seed"))
        line(fmt::format("seed {}", seed.at("seed").get<int64_t>()), seed);
    for (const auto& [name, q] : forecast.at("baselines").items()) line(name, q);
    return text;
  }
  text += fmt::format("  {:<12}{:>10}{:>10}\n", "", "IC", "rank IC");
  const auto line = [&](const std::string& name, const OrderedJson& q) {
    text += fmt::format("  {:<12}{:>10}{:>10}\n", name, figure(q.at("ic")), figure(q.at("rank_ic")));
  };
  line("this", forecast);
  for (const auto& seed : forecast.at("by_seed")) line(fmt::format("seed {}", seed.at("seed").get<int64_t>()), seed);
  for (const auto& [name, q] : forecast.at("baselines").items()) line(name, q);
  return text;
}

int train_series(const market::StrategyFile& strategy, const market::TrainOptions& options, bool json) {
  const OrderedJson forecast = market::train_series_run(strategy, options);
  if (json)
    print_json(forecast);
  else
    print_words(table_of(forecast) + "\nrun: " + forecast.at("run").get<std::string>() + "\n");
  return 0;
}

int train(const std::string& file, bool resume, bool json) {
  const market::StrategyFile strategy = market::read_strategy(file);
  if (!strategy.forecast) {
    fail("{}: expected [forecast] to train, found none; run it with: {}", file, command({"market", "backtest", file}));
  }
  market::TrainOptions options;
  options.resume = resume;
  options.stop = &stop_on_signals();
  options.progress = [](const std::string& line) { say(line + "\n"); };
  if (strategy.series) return train_series(strategy, options, json);
  market::Market opened = market::Market::open(strategy.market);
  const market::Training training = market::train_run(strategy, opened, options, false);
  const market::Panel& panel = training.source->panel();
  const market::RowRange rows = market::rows_of(strategy, panel);
  opened.record_trial({strategy.hash(), training.data_hash, training.run.string(), panel.sessions[rows.first],
                       panel.sessions[rows.last - 1], market::kMissing});
  if (json) {
    print_json(training.forecast);
  } else {
    print_words(table_of(training.forecast) +
                fmt::format("\nrun: {}\nnext: {}\n", training.run.string(), command({"market", "backtest", file})));
  }
  return 0;
}

std::string leak_text(const market::Leak& leak) {
  const auto number = [](double v) { return std::isnan(v) ? std::string("missing") : fmt::format("{:.10g}", v); };
  return fmt::format("  {} of {} at {}: {} from everything, {} from what was known then\n", leak.node, leak.symbol,
                     leak.time, number(leak.full), number(leak.cut));
}

}  // namespace

int market_exit_code(const std::string& name, const std::function<int()>& run) {
  try {
    return run();
  } catch (const market::Stopped& stopped) {
    say(fmt::format("{}: {}; {}\n", name, stopped.what(),
                    name == "hadal market train" ? "--resume goes on from there"
                                                 : "run the same command again: what was trained is kept"));
    return kExitStopped;
  }
}

int market_train_command(int argc, char** argv) {
  CommandLine app(
      "Trains a strategy's forecaster by walk-forward, and judges it on the windows that it did not see.\n"
      "Ctrl-C or SIGTERM stops after a window, or a network's step, with exit code 3; --resume continues from there.");
  std::string file;
  bool json = false, resume = false;
  app.add_option("strategy", file, "the strategy, a TOML file").required();
  app.add_flag("--resume", resume, "continue a training that was stopped");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  return market_exit_code(argv[0], [&] { return train(file, resume, json); });
}

namespace {

// Prices that a vendor adjusted are known from their import on: then every factor would seem to look ahead.
void check_known(const std::string& file, const market::Market& opened, const market::PanelAsOf& panels) {
  const market::Panel full = panels(market::kEver);
  if (full.num_times() == 0) fail("{}: expected bars between start and end, found none", file);
  const market::Time middle = full.times[full.num_times() / 2];
  if (panels(middle).num_times() > 0) return;
  if (std::all_of(full.symbols.begin(), full.symbols.end(),
                  [&](const std::string& symbol) { return opened.adjustment(symbol) == "raw"; }))
    fail(
        "{}: nothing of this market was known at {}: its bars were imported with a later --known-at; import them into "
        "another market without it, or with the time since when they were known",
        file, market::time_text(middle));
  fail(
      "{}: nothing of this market was known at {}: a vendor adjusted its prices, and such prices are known from their "
      "import on; take raw ones (market import --prices raw), or say since when these were known (--known-at)",
      file, market::time_text(middle));
}

}  // namespace

int market_check_lookahead(const std::string& file, int64_t samples, bool json) {
  return market_exit_code("hadal market check", [&] {
    const market::StrategyFile strategy = market::read_strategy(file);
    if (strategy.series) fail("{}: expected a strategy with a market, found a plain series", file);
    const market::Market opened = market::Market::open(strategy.market);
    market::check_frequency(strategy, opened);
    const market::PanelAsOf panels = market::panels_of(opened, strategy);
    check_known(file, opened, panels);
    const auto report = market::check_lookahead(
        strategy, panels, [&](market::Panel panel) { return market::make_factor_source(strategy, std::move(panel)); },
        samples);
    if (json) {
      print_json(market::to_json(report));
    } else {
      std::string text = report.clean() ? fmt::format("clean: {}, nothing differs\n", counted(report.samples, "sample"))
                                        : fmt::format("{} looks ahead:\n", file);
      for (const market::Leak& leak : report.leaks) text += leak_text(leak);
      print_words(text);
    }
    return report.clean() ? 0 : 1;
  });
}

}  // namespace hadal
