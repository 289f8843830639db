// hadal market paper STRATEGY.toml --feed FILE|tcp://127.0.0.1:PORT
#include "market/paper.h"

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/market.h"
#include "cli/options.h"
#include "cli/training_process.h"

namespace hadal {
namespace {

constexpr size_t kShownLines = 12;  // of a list on the terminal

std::string percent_text(double value) { return fmt::format("{:+.2f}%", 100 * value); }

std::string shown_text(const OrderedJson& value) { return value.is_null() ? "" : value.get<std::string>(); }

std::string order_line(const OrderedJson& order) {
  std::string line = fmt::format("    {:<8}{:>12}  {}", shown_text(order.at("symbol")),
                                 shown_text(order.at("quantity")), shown_text(order.at("type")));
  for (const char* price : {"limit", "stop"})
    if (!order.at(price).is_null()) line += fmt::format(" {} {}", price, shown_text(order.at(price)));
  return line + fmt::format("  {}  (close {})\n", shown_text(order.at("tif")), shown_text(order.at("close")));
}

std::string position_line(const OrderedJson& position) {
  return fmt::format("    {:<8}{:>12}  at {}: {}\n", shown_text(position.at("symbol")),
                     shown_text(position.at("quantity")), shown_text(position.at("close")),
                     shown_text(position.at("value")));
}

std::string list_text(const OrderedJson& list, std::string (*line)(const OrderedJson&)) {
  std::string text;
  for (size_t i = 0; i < std::min(list.size(), kShownLines); ++i) text += line(list[i]);
  if (list.size() > kShownLines) text += fmt::format("    and {} more\n", list.size() - kShownLines);
  return text;
}

// What came beside what the backtest lets expect.
std::string expected_text(const OrderedJson& expected) {
  if (expected.is_null()) return "  expected      nothing: there is no backtest of this strategy\n";
  const OrderedJson& z = expected.at("z");
  return fmt::format("  came          returns of {} that add up to {}; expected {} by {}{}\n",
                     counted(expected.at("came_sessions").get<int64_t>(), "session"),
                     percent_text(expected.at("came").get<double>()),
                     percent_text(expected.at("expected").get<double>()), expected.at("run").get<std::string>(),
                     z.is_null() ? "" : fmt::format(", {:+.2f} deviations off", z.get<double>()));
}

// After a session: orders, cash, positions, and how it goes.
std::string status_text(const OrderedJson& status) {
  const OrderedJson &orders = status.at("orders_next"), &positions = status.at("positions");
  std::string text = fmt::format("{}  equity {}, cash {}\n", shown_text(status.at("session")),
                                 shown_text(status.at("equity")), shown_text(status.at("cash")));
  text += fmt::format("  positions     {}\n{}", positions.size(), list_text(positions, position_line));
  text += fmt::format("  next orders   {}\n{}", orders.size(), list_text(orders, order_line));
  return text + expected_text(status.at("expected"));
}

std::string end_text(const market::PaperRun& run) {
  const market::BacktestResult& r = run.result;
  const market::PaperCounts& f = run.feed;
  std::string text = run.finished ? "finished" : "stopped; the same command continues";
  text += fmt::format(": {}, {}, {}\n", counted(static_cast<int64_t>(r.curve.size()), "session"),
                      counted(r.bars, "bar"), counted(static_cast<int64_t>(r.fills.size()), "fill"));
  text += fmt::format("  equity        {} -> {}\n", r.start_equity.text(), r.last_equity().text());
  text += fmt::format("  feed          {}: {} repeated, {} restated, {} late, {} broken, {} unknown\n",
                      counted(f.lines, "line"), f.repeated, f.restated, f.late, f.broken, f.unknown);
  text += fmt::format("  ledger        {}\n", r.ledger_sha256());
  return text + fmt::format("state: {}\n", run.run.string());
}

int paper(const std::string& file, market::PaperOptions options, bool json) {
  const market::StrategyFile strategy = market::read_strategy(file);
  market::check_tradable(strategy);  // said before a market is looked for
  market::Market opened = market::Market::open(strategy.market);
  options.stop = &stop_on_signals();
  options.report = [](const std::string& line) { say(without_controls(line) + "\n"); };
  options.session_ended = [json](const OrderedJson& status) {
    if (!json) print_words(status_text(status));
  };
  const market::PaperRun run = market::run_paper(strategy, opened, options);
  if (json)
    print_json(run.json());
  else
    print_words(end_text(run));
  return run.finished ? 0 : kExitStopped;
}

}  // namespace

int market_paper_command(int argc, char** argv) {
  CommandLine app(
      "Trades a strategy on paper: bars come one after the other from a file that grows or from a program on this "
      "machine, and tomorrow's orders are written for you to read. It can be killed at any time and continues with the "
      "same ledger, which is the backtest's over the same bars.");
  std::string file, until, state;
  market::PaperOptions options;
  bool json = false;
  app.add_option("STRATEGY", file, "the strategy, a TOML file (hadal market init writes one)").required();
  app.add_option("--feed", options.feed, "a file of lines of JSON, or tcp://127.0.0.1:PORT").required();
  app.add_option("--state", state, "the account's folder (default: runs/paper/NAME)");
  app.add_option("--until", until, "end once the session of that day or time has ended (default: at Ctrl-C)");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  options.state = state;
  options.until = market_time(until, "--until");
  market_usage([&] { market::check_feed(options.feed); });
  return market_exit_code("hadal market paper", [&] { return paper(file, options, json); });
}

}  // namespace hadal
