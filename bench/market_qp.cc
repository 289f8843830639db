// How long does a portfolio problem of a day take, from nothing and after the day before? Usage: market_qp [--assets N]
// [--factors N] [--days N] [--record]
// An index enhanced: caps around its weights, limits on factor exposures, costs, a turnover. Each day means change a
// little and what was chosen is held. Prints the median and the worst in ms of this process's user time, beside Clp
// alone on the same days (always from nothing) with the residual that it leaves. Its days that
// clp.cc's limit on gradients cut short are counted: alone it would take longer there. With --record it appends them to
// bench/results/market_qp.csv.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "market/optimize.h"
#include "market/portfolio/clp.h"
#include "market/testing/random_portfolio.h"
#include "record.h"

namespace {

using namespace hadal;
using namespace hadal::market;

double user_ms() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) * 1e3 + static_cast<double>(usage.ru_utime.tv_usec) / 1e3;
}

struct Times {
  std::vector<double> ms;
  double worst_residual = 0;
  int not_ended = 0;  // by its own word
  void add(double begin, double residual) {
    ms.push_back(user_ms() - begin);
    worst_residual = std::max(worst_residual, residual);
  }
  double median() {
    std::sort(ms.begin(), ms.end());
    return ms[ms.size() / 2];
  }
};

int usage() {
  fmt::print(stderr, "usage: market_qp [--assets N] [--factors N] [--days N, 2 at least] [--record]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  int assets = 500, factors = 20, days = 41;
  bool record = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::atoi(argv[++i]) : 0; };
    if (arg == "--assets")
      assets = value();
    else if (arg == "--factors")
      factors = value();
    else if (arg == "--days")
      days = value();
    else if (arg == "--record")
      record = true;
    else
      return usage();
  }
  if (assets < 1 || factors < 1 || days < 2) return usage();
  const auto n = static_cast<size_t>(assets);
  PortfolioProblem problem = test::random_portfolio(n, static_cast<size_t>(factors), 1);
  PortfolioOptimizer optimizer(problem);
  Times cold, warm, clp;
  for (int day = 0; day < days; ++day) {
    double begin = user_ms();
    const Optimum first = QpSolver(program_of(problem)).solve();
    cold.add(begin, first.kkt_residual);

    const QuadraticProgram program = program_of(problem);
    const qp::Bounds bounds = qp::bounds_of(program);
    begin = user_ms();
    const qp::Lifted lifted = qp::lifted_of(program, bounds);
    const qp::ClpAnswer answer = qp::clp_solve(lifted);
    const double after = user_ms() - begin;
    clp.add(user_ms() - after, qp::residual_of(program, bounds, qp::Kinks(program, bounds),
                                               lifted.point_of(answer.columns.data(), answer.multipliers.data())));

    clp.not_ended += answer.status != qp::ClpAnswer::Status::optimal;

    begin = user_ms();
    const Optimum again = optimizer.solve();
    if (day > 0) warm.add(begin, again.kkt_residual);
    const std::vector<double> news = test::random_means(n, static_cast<uint64_t>(day) + 2);
    for (size_t i = 0; i < n; ++i) problem.mean[i] = 0.95 * problem.mean[i] + 0.05 * news[i];
    problem.current = again.x;
    optimizer.set_mean(problem.mean);
    optimizer.set_current(problem.current);
  }
  for (auto& [name, times] : {std::pair("cold", &cold), {"warm", &warm}, {"clp", &clp}}) {
    fmt::print(
        "{:5} {} assets, {} factors, {} days: {:.2f} ms (worst {:.2f}), worst residual {:.2g}, not ended on {} days\n",
        name, assets, factors, times->ms.size(), times->median(), times->ms.back(), times->worst_residual,
        times->not_ended);
    if (record)
      bench::append("market_qp",
                    "commit,machine,command,way,assets,factors,days,median_ms,worst_ms,worst_residual,not_ended",
                    fmt::format("{},{},{},{},{},{},{},{:.3f},{:.3f},{:.3g},{}", bench::commit(), bench::cpu_model(),
                                bench::command_line(argc, argv), name, assets, factors, times->ms.size(),
                                times->median(), times->ms.back(), times->worst_residual, times->not_ended));
  }
}
