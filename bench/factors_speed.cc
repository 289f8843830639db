// How long do factors over many instruments take? 14 rolling ones over 800 instruments and 3,400 bars on one core, and
// alpha158 over a tenth of that, on a panel of random walks in memory. Usage: factors_speed [--record] [--each], or
// factors_speed --store FOLDER [--rounds N] [--json]: the 14 with their bars read from a market in that folder, which
// is made where it is not there (bars.csv beside it is for the peer, race_polars.mjs). Prints milliseconds of CPU time,
// the least of five rounds, and what remains when nothing is computed (blocks that are filled from the prices alone):
// machines that are shared are measured by CPU time. --each: every factor by itself.
// --record appends a row to bench/results/factors.csv.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/rng.h"
#include "base/threads.h"
#include "market/factors.h"
#include "market/import.h"
#include "market/market.h"
#include "record.h"

namespace {

using namespace hadal;
using namespace hadal::market;

double cpu_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

std::string load() {
  std::string first;
  std::ifstream("/proc/loadavg") >> first;
  return first;
}

Panel walks(size_t times, size_t instruments) {
  Panel panel;
  for (size_t i = 0; i < instruments; ++i) panel.symbols.push_back(fmt::format("W{}", i));
  for (size_t t = 0; t < times; ++t) {
    panel.sessions.push_back(static_cast<Date>(t));
    panel.times.push_back(start_of(static_cast<Date>(t)));
  }
  for (auto* column : {&panel.open, &panel.high, &panel.low, &panel.close, &panel.volume})
    column->resize(times * instruments);
  Rng rng(1);
  for (size_t i = 0; i < instruments; ++i) {
    double close = 20 + 80 * rng.uniform();
    for (size_t t = 0; t < times; ++t) {
      const size_t at = panel.at(t, i);
      panel.open[at] = close;
      close *= 1 + 0.04 * (rng.uniform() - 0.5);
      panel.close[at] = close;
      panel.high[at] = std::max(panel.open[at], close) * (1 + 0.01 * rng.uniform());
      panel.low[at] = std::min(panel.open[at], close) * (1 - 0.01 * rng.uniform());
      panel.volume[at] = std::floor(1e6 * (0.5 + rng.uniform()));
    }
  }
  return panel;
}

const std::vector<NamedExpression> kRolling = {
    {"ma5", "Mean($close,5)"},       {"ma20", "Mean($close,20)"},          {"ma60", "Mean($close,60)"},
    {"std20", "Std($close,20)"},     {"std60", "Std($close,60)"},          {"max20", "Max($high,20)"},
    {"min20", "Min($low,20)"},       {"med20", "Med($close,20)"},          {"sum20", "Sum($volume,20)"},
    {"slope20", "Slope($close,20)"}, {"rsqr20", "Rsquare($close,20)"},     {"skew20", "Skew($close,20)"},
    {"rank20", "Rank($close,20)"},   {"corr20", "Corr($close,$volume,20)"}};

double least_milliseconds(const std::vector<NamedExpression>& factors, const Panel& panel, int rounds) {
  const FactorProgram program(factors, "factors_speed");
  double least = 0, sum = 0;
  for (int round = 0; round < rounds; ++round) {
    const double start = cpu_milliseconds();
    evaluate_factors(program, panel, [&](const FactorBlock& block) { sum += block.at(0, block.num_rows - 1, 0); });
    const double taken = cpu_milliseconds() - start;
    if (round == 0 || taken < least) least = taken;
  }
  if (!std::isfinite(sum)) fail("factors_speed: a factor's last values are missing");
  return least;
}

// The same bars as a file and as a market.
void make_store(const Path& folder, const Panel& panel) {
  if (std::filesystem::exists(folder / "m" / "market.db")) return;
  std::filesystem::create_directories(folder);
  {
    WholeFile csv(folder / "bars.csv");
    csv.write("date,symbol,open,high,low,close,volume\n");
    for (size_t i = 0; i < panel.num_instruments(); ++i) {
      std::string rows;
      for (size_t t = 0; t < panel.num_times(); ++t) {
        const size_t at = panel.at(t, i);
        rows +=
            fmt::format("{},{},{:.6f},{:.6f},{:.6f},{:.6f},{:.0f}\n", date_text(panel.sessions[t]), panel.symbols[i],
                        panel.open[at], panel.high[at], panel.low[at], panel.close[at], panel.volume[at]);
      }
      csv.write(rows);
    }
    csv.commit();
  }
  import_files((folder / "m").string(), {folder / "bars.csv"}, {});
}

int run_store(const Path& folder, int rounds, bool json) {
  constexpr size_t kInstruments = 800, kTimes = 3400;
  make_store(folder, walks(kTimes, kInstruments));
  const FactorProgram program(kRolling, "factors_speed");
  double least = 0, least_open = 0, sum = 0;
  for (int round = 0; round < rounds; ++round) {
    const double start = cpu_milliseconds();
    const Market market = Market::open((folder / "m").string());
    const auto reader = market.read_panel({});
    const double open = cpu_milliseconds() - start;
    evaluate_factors(program, *reader, [&](const FactorBlock& block) { sum += block.at(0, block.num_rows - 1, 0); });
    const double all = cpu_milliseconds() - start;
    if (reader->times().size() != kTimes || reader->symbols().size() != kInstruments)
      fail("{}: expected {} x {} bars, found {} x {}; remove the folder", folder.string(), kTimes, kInstruments,
           reader->times().size(), reader->symbols().size());
    if (round == 0 || all < least) least = all, least_open = open;
  }
  if (!std::isfinite(sum)) fail("factors_speed: a factor's last values are missing");
  if (json)
    fmt::print("{{\"seconds\": {:.4f}, \"open_seconds\": {:.4f}}}\n", least / 1e3, least_open / 1e3);
  else
    fmt::print(
        "14 rolling factors, {} x {}, read from the store included: {:.0f} ms, of which {:.0f} ms for opening the "
        "market and its checksums\n",
        kInstruments, kTimes, least, least_open);
  return 0;
}

int run(int argc, char** argv) {
  bool record = false, each = false, json = false;
  std::string store;
  int rounds = 5;
  for (int i = 1; i < argc; ++i) {
    record = record || std::string_view(argv[i]) == "--record";
    each = each || std::string_view(argv[i]) == "--each";
    json = json || std::string_view(argv[i]) == "--json";
    if (std::string_view(argv[i]) == "--store" && i + 1 < argc) store = argv[++i];
    if (std::string_view(argv[i]) == "--rounds" && i + 1 < argc) rounds = std::atoi(argv[++i]);
  }
  ThreadPool::set_shared_size(1);
  if (!store.empty()) return run_store(store, std::max(rounds, 1), json);
  constexpr size_t kInstruments = 800, kTimes = 3400;
  const Panel panel = walks(kTimes, kInstruments), tenth = walks(kTimes, kInstruments / 10);
  std::vector<NamedExpression> copies;
  for (size_t i = 0; i < kRolling.size(); ++i) copies.push_back({fmt::format("copy{}", i), "$close"});
  const double rolling = least_milliseconds(kRolling, panel, 5), floor = least_milliseconds(copies, panel, 5);
  const double alpha = least_milliseconds(factor_set("alpha158", "factors_speed"), tenth, 3);
  const double bars = static_cast<double>(kTimes * kInstruments);
  fmt::print("14 rolling factors, {} x {}: {:.0f} ms, of which {:.0f} ms for reading and writing alone\n", kInstruments,
             kTimes, rolling, floor);
  fmt::print("alpha158, {} x {}: {:.0f} ms, {:.2f} us a bar\n", kInstruments / 10, kTimes, alpha, alpha * 1e4 / bars);
  if (each)
    for (const NamedExpression& factor : kRolling)
      fmt::print("{:10}{:8.1f} ms\n", factor.name, least_milliseconds({factor}, panel, 3));
  if (record)
    bench::append(
        "factors", "commit,cpu,threads,instruments,times,rolling_ms,floor_ms,alpha158_us_a_bar,load,command",
        fmt::format("{},{},1,{},{},{:.0f},{:.0f},{:.2f},{},{}", bench::commit(), bench::cpu_model(), kInstruments,
                    kTimes, rolling, floor, alpha * 1e4 / bars, load(), bench::command_line(argc, argv)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const hadal::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
