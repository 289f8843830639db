// hadal market demo: the project's own data from the file to the memo.
#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/market.h"
#include "cli/options.h"
#include "cli/training_process.h"
#include "market/backtest_run.h"
#include "market/import.h"
#include "market/report.h"

namespace hadal {
namespace {

// {0}: the market, {1}: the forecaster. Long and short, so that what all instruments do together is not taken for
// skill.
constexpr const char* kRanked =
    R"(# The forecaster sees alpha158's factors, and learns who will rise more than the others
# from tomorrow's open to the one after. All are held, long and short, by the rank of their scores: what the market
# does as a whole counts neither way.

[data]
market = "markets/{0}"

[factors]
sets = ["alpha158"]

[label]
expression = "Ref($open,-2)/Ref($open,-1)-1"

[process]
features = ["cs_winsorize", "cs_zscore", "fill_zero"]
label = "cs_rank"

[forecast]
{1}
window = "rolling"
train_days = 440
valid_days = 60
embargo_days = 5
test_days = 120

[portfolio]
kind = "rank"

[broker]
profile = "ib_us"
cash = 1000000
slippage_bps = 1
)";

// Of those that beat ridge on planted the quickest by far (docs/markets.md).
constexpr const char* kRidge = "kind = \"ridge\"\npenalty = 1e4";
constexpr const char* kBest = "kind = \"mlp\"\nseeds = [1, 2]";

constexpr const char* kHeld = R"(# An index fund, bought once and held.

[data]
market = "markets/sample"
symbols = ["DRUM"]

[portfolio]
kind = "targets"
file = "drum.csv"

[broker]
profile = "ib_us"
cash = 1000000
)";

// Beside the working folder as in a checkout, or beside the folder of the program.
Path examples() {
  std::error_code ignored;
  const Path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  for (const Path& folder : {Path("examples/market"), program.parent_path().parent_path() / "examples/market"})
    if (std::filesystem::is_directory(folder / "synthetic")) return folder;
  fail(
      "expected examples/market here or beside the program's folder, found neither; run it in a "
      "checkout of the project");
}

void import(const Path& market, const std::vector<Path>& files) {
  market::ImportOptions options;
  options.calendar = "XNYS";
  const market::ImportReport report = market::import_files(market.string(), files, options);
  int64_t rows = 0;
  for (const market::ImportedFile& file : report.files) rows += file.rows;
  say(fmt::format("{}: {} of {}\n", market.string(), counted(rows, "bar"),
                  counted(static_cast<int64_t>(report.files.size()), "file")));
}

struct DemoRun {
  std::string name;
  OrderedJson figures;
};

DemoRun run(const Path& folder, const std::string& name) {
  const market::StrategyFile strategy = market::read_strategy(folder / (name + ".toml"));
  market::Market opened = market::Market::open(strategy.market);
  market::BacktestOptions options;
  options.train.resume = true;
  options.train.stop = &stop_on_signals();
  options.train.progress = [&](const std::string& line) { say(name + ": " + line + "\n"); };
  const market::BacktestRun done = market::run_strategy(strategy, opened, options);
  OrderedJson figures = market::write_figures(strategy, opened, done);
  write_file_whole(done.run / "report.html", market::report_html(figures));
  write_file_whole(done.run / "memo.md", market::memo_of(figures).text);
  return {name, std::move(figures)};
}

std::vector<DemoRun> run_all(const Path& folder) {
  const Path data = examples(), markets = folder / "markets";
  std::filesystem::create_directories(markets);
  import(markets / "planted", {data / "synthetic/planted.csv.zst"});
  import(markets / "noise", {data / "synthetic/noise.csv.zst"});
  import(markets / "sample", {data / "sample/daily/drum.zip"});
  for (const std::string name : {"planted", "noise"}) {
    write_file_whole(folder / (name + ".toml"), fmt::format(fmt::runtime(kRanked), name, kRidge));
    write_file_whole(folder / (name + "_mlp.toml"), fmt::format(fmt::runtime(kRanked), name, kBest));
  }
  const auto sessions = market::Market::open((markets / "sample").string()).sessions({.symbols = {"DRUM"}});
  write_file_whole(folder / "drum.csv",
                   fmt::format("date,symbol,weight\n{},DRUM,1\n", market::date_text(sessions.front())));
  write_file_whole(folder / "drum.toml", kHeld);
  std::vector<DemoRun> runs;
  for (const char* name : {"planted", "planted_mlp", "noise", "noise_mlp", "drum"}) runs.push_back(run(folder, name));
  return runs;
}

// Null where one of the names is not there.
OrderedJson figure(const DemoRun& run, const char* group, const char* name) {
  const OrderedJson& json = run.figures.at(group);
  return json.is_null() ? OrderedJson(nullptr) : json.value(name, OrderedJson(nullptr));
}

OrderedJson json_of(const DemoRun& run) {
  return {{"name", run.name},
          {"run", run.figures.at("run")},
          {"finding", figure(run, "forecast", "finding")},
          {"rank_ic", figure(run, "forecast", "rank_ic")},
          {"sharpe", figure(run, "statistics", "sharpe")},
          {"psr", figure(run, "statistics", "psr")},
          {"dsr", figure(run, "statistics", "dsr")},
          {"trials", run.figures.at("trials")}};
}

std::string shown(const OrderedJson& value, const char* format, double scale = 1) {
  return value.is_number() ? fmt::format(fmt::runtime(format), value.get<double>() * scale) : "-";
}

std::string row_of(const DemoRun& run) {
  const OrderedJson finding = figure(run, "forecast", "finding");
  const std::string words = finding == "signal" ? "signal" : finding == "nothing" ? "nothing found" : "held";
  return fmt::format("  {:<13}{:<15}{:>8}{:>11}{:>9}{:>9}{:>9}{:>7}\n", run.name, words,
                     shown(figure(run, "forecast", "rank_ic"), "{:.3f}"),
                     shown(figure(run, "earned", "return_annual"), "{:+.1f}%", 100),
                     shown(figure(run, "statistics", "sharpe_annual"), "{:.2f}"),
                     shown(figure(run, "statistics", "psr"), "{:.1f}%", 100),
                     shown(figure(run, "statistics", "dsr"), "{:.1f}%", 100), run.figures.at("trials").get<int64_t>());
}

std::string sparkline(const OrderedJson& equity, size_t width) {
  static constexpr const char* kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto values = equity.get<std::vector<double>>();
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  std::string line;
  width = std::min(width, values.size());
  for (size_t i = 0; i < width; ++i) {
    const double value = values[width > 1 ? i * (values.size() - 1) / (width - 1) : 0];
    const double share = *high > *low ? (value - *low) / (*high - *low) : 0;
    line += kBlocks[static_cast<size_t>(std::lround(share * 7))];
  }
  return line;
}

std::string text_of(const std::vector<DemoRun>& runs, const Path& report, const Path& memo, double seconds) {
  std::string text = fmt::format("\n  {:<13}{:<15}{:>8}{:>11}{:>9}{:>9}{:>9}{:>7}\n", "", "finding", "rank IC",
                                 "a year", "Sharpe", "PSR", "DSR", "tries");
  for (const DemoRun& run : runs) text += row_of(run);
  text += fmt::format("\n  equity of planted, {} to {}\n  {}\n", figure(runs[0], "data", "first").get<std::string>(),
                      figure(runs[0], "data", "last").get<std::string>(),
                      sparkline(runs[0].figures.at("series").at("equity"), 60));
  text += fmt::format("\n  report: {}\n  memo:   {}\n  in {:.0f} s\n", report.string(), memo.string(), seconds);
  return text + fmt::format("\nnext: {}\n", command({"market", "import", "mine", "YOUR_PRICES.csv"}));
}

int demo(const Path& folder, bool json) {
  const Stopwatch watch;
  const std::vector<DemoRun> runs = run_all(folder);
  const Path report = folder / "report.html", memo = folder / "memo.md";
  write_file_whole(report, market::report_html(runs[0].figures));
  write_file_whole(memo, market::memo_of(runs[0].figures).text);
  if (!json) {
    print_words(text_of(runs, report, memo, watch.seconds()));
    return 0;
  }
  OrderedJson list = OrderedJson::array();
  for (const DemoRun& run : runs) list.push_back(json_of(run));
  print_json(OrderedJson{
      {"runs", std::move(list)}, {"report", report.string()}, {"memo", memo.string()}, {"seconds", watch.seconds()}});
  return 0;
}

}  // namespace

int market_demo_command(int argc, char** argv) {
  CommandLine app(
      "The whole way with the project's own data: imports three markets, trains a forecaster on one with a planted "
      "signal and on one of noise, by ridge regression and by a network, trades them and holds an index fund beside "
      "them, and writes report and memo.");
  std::string out = "runs/demo";
  bool json = false;
  app.add_option("--out", out, "the folder for markets, strategies, report and memo; runs stand under runs/")
      .filled()
      .show_default();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  return market_exit_code("hadal market demo", [&] { return demo(out, json); });
}

}  // namespace hadal
