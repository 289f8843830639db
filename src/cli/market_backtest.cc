// hadal market backtest STRATEGY.toml
#include <cmath>

#include "base/json.h"
#include "cli/market.h"
#include "cli/options.h"
#include "cli/training_process.h"
#include "market/backtest_run.h"
#include "market/report.h"

namespace hadal {
namespace {

std::string percent(double value) { return std::isnan(value) ? "-" : fmt::format("{:.1f}%", 100 * value); }
std::string number(double value) { return std::isnan(value) ? "-" : fmt::format("{:.2f}", value); }

// Ten lines: result, costs, which try it is, how sure one can be.
std::string text_of(const market::BacktestRun& run) {
  const market::BacktestResult& r = run.result;
  const market::ReturnStatistics& s = run.statistics;
  const double gain = r.end_equity.to_double() / r.start_equity.to_double() - 1;
  std::string text;
  if (run.training.forecast.is_object()) text += run.training.forecast.at("headline").get<std::string>() + "\n";
  text += fmt::format("{} to {}, {} bars, {} orders, {} fills\n", market::date_text(r.curve.front().date),
                      market::date_text(r.curve.back().date), r.bars, r.orders.size(), r.fills.size());
  text += fmt::format("  equity        {} -> {} ({})\n", r.start_equity.text(), r.end_equity.text(), percent(gain));
  text += fmt::format("  costs         fees {}, slippage {}, borrow {}; dividends {}\n", r.fees.text(),
                      r.slippage.text(), r.borrow.text(), r.dividends.text());
  text += fmt::format("  drawdown      {}, {} periods below a peak\n", percent(s.drawdown.depth), s.drawdown.periods);
  text += fmt::format("  Sharpe ratio  {} a year; of a period {:.4f}, 95% {:.4f} to {:.4f}\n", number(s.sharpe_annual),
                      s.sharpe(), s.sharpe_interval.low, s.sharpe_interval.high);
  text += fmt::format("  tries         {} over these dates; the best of so many without skill would show {:.4f}\n",
                      run.tries.count, s.expected_max_sharpe);
  text += fmt::format("  how sure      above 0: {} (PSR); above what so many tries show by chance: {} (DSR)\n",
                      percent(s.psr), percent(s.dsr));
  text += std::isnan(s.min_track_record) ? std::string("  track record  no length of it would be enough\n")
                                         : fmt::format("  track record  {} periods; {:.0f} are needed to be 95% sure\n",
                                                       run.returns.size(), s.min_track_record);
  return text + fmt::format("run: {}\nnext: hadal market report {}\n", run.run.string(), run.run.string());
}

int backtest(const std::string& file, const std::string& engine, bool json) {
  const market::StrategyFile strategy = market::read_strategy(file);
  if (strategy.series)  // said before a market is looked for
    fail("{}: a plain series is not traded; train it with: hadal market train {}", file, file);
  market::Market opened = market::Market::open(strategy.market);
  market::BacktestOptions options;
  options.engine = engine == "vector" ? market::EngineKind::vector : market::EngineKind::event;
  options.train.resume = true;
  options.train.stop = &stop_on_signals();
  options.train.progress = [](const std::string& line) { say(line + "\n"); };
  const market::BacktestRun run = market::run_strategy(strategy, opened, options);
  const OrderedJson figures = market::write_figures(strategy, opened, run);
  write_file_whole(run.run / "report.html", market::report_html(figures));
  write_file_whole(run.run / "memo.md", market::memo_of(figures).text);
  if (json)
    print_json(run.json());
  else
    print_text(text_of(run));
  return 0;
}

}  // namespace

int market_backtest_command(int argc, char** argv) {
  CommandLine app(
      "Trades a strategy over its past: every order, fill, fee, dividend and interest, with exact money. A forecaster "
      "that is not trained yet is trained first.");
  std::string file, engine = "event";
  bool json = false;
  app.add_option("STRATEGY", file, "the strategy, a TOML file (hadal market init writes one)").required();
  app.add_option("--engine", engine, "event, or vector: faster, for weights at a frictionless broker alone")
      .one_of({"event", "vector"})
      .show_default();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  return market_exit_code("hadal market backtest", [&] { return backtest(file, engine, json); });
}

}  // namespace hadal
