// hadal market backtest STRATEGY.toml
#include <algorithm>
#include <cmath>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/market.h"
#include "cli/options.h"
#include "cli/training_process.h"
#include "market/backtest_run.h"
#include "market/report.h"

namespace hadal {
namespace {

std::string percent(double value) { return std::isnan(value) ? "-" : fmt::format("{:.1f}%", 100 * value); }

// What an account that lost everything has to say first.
std::string ruin_text(const market::BacktestRun& run) {
  const market::BacktestResult& r = run.result;
  const auto at = r.ruin();
  if (!at) return "";
  const market::EquityPoint& point = r.curve[*at];
  return fmt::format(
      "RUINED on {}: equity was {}. An account ends there, and so do the figures; how sure one can be (PSR, DSR) is "
      "not "
      "said of a loss of everything.\n",
      r.daily ? market::date_text(point.date) : market::time_text(point.time), point.equity.text());
}

// Why an account did less than its strategy asked for.
std::string idle_text(const market::BacktestRun& run) {
  if (const int64_t refused = run.result.refused(); refused > 0)
    return fmt::format("  refused       {}: not enough margin (ledger.txt shows which)\n", counted(refused, "order"));
  if (!run.result.orders.empty()) return "";
  const std::vector<double>& scores = run.training.scores;
  const bool all_missing =
      !scores.empty() && std::all_of(scores.begin(), scores.end(), [](double score) { return std::isnan(score); });
  return all_missing ? "  no order: every score was missing\n" : "  no order was given\n";
}

// Ten lines: result, costs, which try it is, how sure one can be.
std::string text_of(const market::BacktestRun& run) {
  const market::BacktestResult& r = run.result;
  const market::ReturnStatistics& s = run.statistics;
  const double gain = r.last_equity().to_double() / r.start_equity.to_double() - 1;
  std::string text = ruin_text(run);
  if (run.training.forecast.is_object()) text += run.training.forecast.at("headline").get<std::string>() + "\n";
  text += fmt::format("{} to {}, {}, {}, {}\n", market::date_text(r.curve.front().date),
                      market::date_text(r.curve.back().date), counted(r.bars, "bar"),
                      counted(static_cast<int64_t>(r.orders.size()), "order"),
                      counted(static_cast<int64_t>(r.fills.size()), "fill"));
  text += idle_text(run);
  for (const std::string& note : run.notes) text += fmt::format("  note          {}\n", note);
  text += fmt::format("  equity        {} -> {} ({})\n", r.start_equity.text(), r.last_equity().text(), percent(gain));
  text += fmt::format("  costs         fees {}, slippage {}, borrow {}; dividends {}\n", r.fees.text(),
                      r.slippage.text(), r.borrow.text(), r.dividends.text());
  text += fmt::format("  drawdown      {}, {} below a peak\n", percent(s.drawdown.depth),
                      counted(s.drawdown.periods, "period"));
  text += fmt::format("  Sharpe ratio  {} a year; of a period {}, 95% {} to {}\n", shown_number(s.sharpe_annual, 2),
                      shown_number(s.sharpe(), 4), shown_number(s.sharpe_interval.low, 4),
                      shown_number(s.sharpe_interval.high, 4));
  text += fmt::format("  tries         {} over these dates; the best of so many without skill would show {}\n",
                      run.tries.count, shown_number(s.expected_max_sharpe, 4));
  text += fmt::format("  how sure      above 0: {} (PSR); above what so many tries show by chance: {} (DSR)\n",
                      percent(s.psr), percent(s.dsr));
  text += fmt::format(
      "  track record  {} since the first decision; {}\n", counted(static_cast<int64_t>(run.returns.size()), "period"),
      std::isnan(s.min_track_record) ? "no length would make it believable"
                                     : fmt::format("{:.0f} are needed to be 95% sure", s.min_track_record));
  return text + fmt::format("run: {}\nnext: {}\n", run.run.string(), command({"market", "report", run.run.string()}));
}

int backtest(const std::string& file, const std::string& engine, bool json) {
  const market::StrategyFile strategy = market::read_strategy(file);
  if (strategy.series)  // said before a market is looked for
    fail("{}: a plain series is not traded; train it with: {}", file, command({"market", "train", file}));
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
    print_words(text_of(run));
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
