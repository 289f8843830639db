// How long do factors over many instruments take? 14 rolling ones over 800 instruments and 3,400 bars on one core, and
// alpha158 over a tenth of that, on a panel of random walks in memory. Usage: factors_speed [--record] [--each]
// Prints milliseconds of CPU time, the least of five rounds, and what remains when nothing is computed (blocks that are
// filled from the prices alone): machines that are shared are measured by CPU time. --each: every factor by itself.
// --record appends a row to bench/results/factors.csv.
#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "base/rng.h"
#include "base/threads.h"
#include "market/factors.h"
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

int run(int argc, char** argv) {
  bool record = false, each = false;
  for (int i = 1; i < argc; ++i) {
    record = record || std::string_view(argv[i]) == "--record";
    each = each || std::string_view(argv[i]) == "--each";
  }
  ThreadPool::set_shared_size(1);
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
