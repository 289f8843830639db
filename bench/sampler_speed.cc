// What does it cost to choose a token? The sort that defines it against what is used, on one thread, at the default
// settings. Usage: sampler_speed [--record]   Prints microseconds of this thread's CPU time a token, the median, both
// ways in one run; with
// --record it appends them to bench/results/sampler.csv.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <string_view>

#include "base/error.h"
#include "base/rng.h"
#include "engine/sampling/choose.h"
#include "kernels/cpu.h"
#include "record.h"

namespace {

using namespace hadal;

// Programs beside this one take turns with it, and should not be counted.
double cpu_microseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

std::string load() {
  std::string first;
  std::ifstream("/proc/loadavg") >> first;
  return first;
}

// flat: what a model says that has learnt nothing. trained: a few likely tokens above a wide crowd, as language has
// them.
std::vector<float> make_logits(std::string_view kind, size_t n) {
  Rng rng(n);
  std::vector<float> logits(n);
  for (float& logit : logits) logit = (kind == "trained" ? 2.5f : 1.0f) * rng.normal();
  if (kind == "trained")
    for (int rank = 1; rank < 300; ++rank)
      logits[rng.below(n)] = 20 - 1.7f * std::log(static_cast<float>(rank)) + 0.3f * rng.normal();
  return logits;
}

template <typename F>
double median_microseconds(int rounds, F&& choose) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const double start = cpu_microseconds();
    choose(i);
    times.push_back(cpu_microseconds() - start);
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<size_t>(rounds / 2)];
}

int run(int argc, char** argv) {
  const bool record = argc > 1 && std::string_view(argv[1]) == "--record";
  const SamplingOptions options;
  const auto& kernels = logit_kernels();
  fmt::print("logits,vocabulary,sort_us,select_us\n");
  for (const char* kind : {"trained", "flat"})
    for (const size_t n : {8192, 128256, 151936}) {
      const std::vector<float> logits = make_logits(kind, n);
      Chooser chooser;
      std::vector<double> draws(400);
      Rng rng(1);
      for (double& draw : draws) draw = rng.uniform();
      const auto draw = [&](int i) { return draws[static_cast<size_t>(i) % draws.size()]; };
      const auto select = [&](int i) {
        return chooser.choose(logits, kernels.range(logits.data(), static_cast<int64_t>(n)), options, draw(i));
      };
      for (int i = 0; i < 10; ++i)
        if (select(i) != choose_by_sorting(logits, options, draw(i)))
          fail("sampler_speed: the two ways chose different tokens");
      const double sort = median_microseconds(40, [&](int i) { choose_by_sorting(logits, options, draw(i)); });
      const double fast = median_microseconds(400, select);
      fmt::print("{},{},{:.1f},{:.1f}\n", kind, n, sort, fast);
      if (!record) continue;
      bench::append(
          "sampler", "commit,cpu,level,threads,logits,vocabulary,sort_us,select_us,load,command",
          fmt::format("{},{},{},1,{},{},{:.1f},{:.1f},{},{}", bench::commit(), bench::cpu_model(),
                      cpu_level_name(cpu_level()), kind, n, sort, fast, load(), bench::command_line(argc, argv)));
    }
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
