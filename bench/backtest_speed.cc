// How many bars a second does the event engine take, on one core? A cross of two moving averages on daily bars, with
// Interactive Brokers' fees. Usage: backtest_speed [--instruments N] [--bars N] [--rounds N] [--record]
// Prints millions of bars a second of this process's user time, the best and the median of the rounds (of --bars bars,
// in runs of at most 10,000 sessions), for the whole run: feed, averages, orders, fills, ledger, marking and equity at
// each close. The ledger's text and its hash are timed apart. With --record it appends them to
// bench/results/backtest.csv.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "market/backtest.h"
#include "record.h"

namespace {

using namespace hadal;
using namespace hadal::market;

double user_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) + static_cast<double>(usage.ru_utime.tv_usec) / 1e6;
}

// Random walks in cents, each instrument's own, drawn back to 100 so that no account is ruined.
Feed make_feed(size_t num_instruments, size_t num_bars) {
  Feed feed;
  Rng rng(1);
  std::vector<double> close(num_instruments, 100);
  for (size_t i = 0; i < num_instruments; ++i) feed.symbols.push_back(fmt::format("S{}", i));
  const size_t num_sessions = std::min<size_t>(num_bars / num_instruments, 10'000);  // 40 years
  for (size_t s = 0; s < num_sessions; ++s) {
    for (size_t i = 0; i < num_instruments; ++i) {
      const auto step = [&](double from) {
        return std::max(1.0, std::round(from * (1 + 0.01 * rng.normal() + 0.0005 * std::log(100 / from)) * 100) / 100);
      };
      const double open = step(close[i]), end = step(open), other = step(open);
      close[i] = end;
      feed.bars.push_back(
          {static_cast<int32_t>(i), open, std::max({open, end, other}), std::min({open, end, other}), end, 1e6});
    }
    const Date day = static_cast<Date>(s);
    feed.sessions.push_back({day, start_of(day) + 20 * 3600 * kSecond, 0, feed.bars.size()});
  }
  return feed;
}

// In when the mean of 10 closes is above that of 30, out when below.
class Cross final : public Strategy {
 public:
  Cross(size_t num_instruments, double weight) : averages_(num_instruments), weight_(Decimal::of_double(weight)) {}

  void decide(TradingSession& session) override {
    for (size_t i = 0; i < averages_.size(); ++i) {
      const auto instrument = static_cast<int32_t>(i);
      const FeedBar* bar = session.bar(instrument);
      if (bar == nullptr) continue;
      Averages& a = averages_[i];
      a.add(bar->close);
      if (a.count < kSlow) continue;
      const bool above = a.fast / kFast > a.slow / kSlow;
      if (above != a.above) session.order_target(instrument, above ? weight_ : Decimal{});
      a.above = above;
    }
  }

 private:
  static constexpr int kFast = 10, kSlow = 30;
  struct Averages {
    double closes[32] = {};
    double fast = 0, slow = 0;
    int count = 0;
    bool above = false;
    void add(double close) {
      if (count >= kFast) fast -= closes[(count - kFast) & 31];
      if (count >= kSlow) slow -= closes[(count - kSlow) & 31];
      closes[count++ & 31] = close;
      fast += close, slow += close;
    }
  };
  std::vector<Averages> averages_;
  Decimal weight_;
};

size_t number(int argc, char** argv, std::string_view name, size_t fallback) {
  for (int i = 1; i + 1 < argc; ++i)
    if (argv[i] == name) return static_cast<size_t>(std::atoll(argv[i + 1]));
  return fallback;
}

int run(int argc, char** argv) {
  bool record = false;
  for (int i = 1; i < argc; ++i) record = record || std::string_view(argv[i]) == "--record";
  const size_t num_bars = number(argc, argv, "--bars", 2'000'000), rounds = number(argc, argv, "--rounds", 5);
  std::vector<size_t> counts{1, 20, 500};
  if (const size_t only = number(argc, argv, "--instruments", 0); only > 0) counts = {only};
  fmt::print("instruments,bars,fills,best_mbars_s,median_mbars_s,ledger_seconds,end_equity,sha256\n");
  for (const size_t num_instruments : counts) {
    const Feed feed = make_feed(num_instruments, num_bars);
    Broker broker = broker_profile("ib_us", "bench");
    broker.cash = Decimal(10'000'000);
    std::vector<double> seconds;
    double ledger_seconds = 0, end_equity = 0;
    size_t fills = 0;
    std::string hash;
    const size_t runs = std::max<size_t>(num_bars / feed.bars.size(), 1);
    for (size_t round = 0; round < rounds; ++round) {
      const double start = user_seconds();
      BacktestResult result;
      for (size_t i = 0; i < runs; ++i) {
        Cross strategy(num_instruments, 0.9 / static_cast<double>(num_instruments));
        result = run_backtest(feed, broker, strategy);
      }
      const double end = user_seconds();
      seconds.push_back((end - start) / static_cast<double>(runs));
      hash = result.ledger_sha256();
      ledger_seconds = user_seconds() - end;
      fills = result.fills.size();
      end_equity = result.end_equity.to_double();
    }
    std::sort(seconds.begin(), seconds.end());
    const auto rate = [&](double s) { return static_cast<double>(feed.bars.size()) / s / 1e6; };
    const double best = rate(seconds.front()), median = rate(seconds[seconds.size() / 2]);
    fmt::print("{},{},{},{:.2f},{:.2f},{:.3f},{:.2f},{}\n", num_instruments, feed.bars.size(), fills, best, median,
               ledger_seconds, end_equity, hash.substr(0, 12));
    if (record)
      bench::append(
          "backtest", "commit,cpu,threads,instruments,bars,fills,best_mbars_s,median_mbars_s,command",
          fmt::format("{},{},1,{},{},{},{:.2f},{:.2f},{}", bench::commit(), bench::cpu_model(), num_instruments,
                      feed.bars.size(), fills, best, median, bench::command_line(argc, argv)));
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
