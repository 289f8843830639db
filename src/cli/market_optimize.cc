// hadal market optimize PROBLEM.json
#include "base/json.h"
#include "base/text.h"
#include "cli/market.h"
#include "cli/options.h"
#include "market/optimize.h"

namespace hadal {

namespace {

OrderedJson optimum_json(const market::Optimum& optimum) {
  using Status = market::Optimum::Status;
  const bool infeasible = optimum.status == Status::infeasible;
  const char* status = infeasible ? "infeasible" : optimum.status == Status::solved ? "solved" : "not_reached";
  const auto number = [&](double value) { return infeasible ? OrderedJson(nullptr) : number_or_null(value); };
  return {{"status", status},
          {"x", infeasible ? OrderedJson(nullptr) : OrderedJson(optimum.x)},
          {"objective", number(optimum.objective)},
          {"kkt_residual", number(optimum.kkt_residual)},
          {"iterations", optimum.iterations},
          {"milliseconds", optimum.milliseconds},
          {"conflict", optimum.conflict}};
}

std::string optimum_text(const market::Optimum& optimum) {
  using Status = market::Optimum::Status;
  std::string text;
  if (optimum.status == Status::infeasible) {
    text = "infeasible: these limits cannot hold together, and without any one of them the others can\n";
    for (const std::string& name : optimum.conflict) text += fmt::format("  {}\n", name);
    return text;
  }
  if (optimum.status == Status::not_reached)
    text = fmt::format("not reached: the best that was found misses a solution by {:.3g}, expected {:g} at most\n",
                       optimum.kkt_residual, market::kGoodResidual);
  text += fmt::format("objective {:.10g}, residual {:.2g}, {}, {:.1f} ms\n", optimum.objective, optimum.kkt_residual,
                      counted(optimum.iterations, "iteration"), optimum.milliseconds);
  size_t zeros = 0;
  for (size_t i = 0; i < optimum.x.size(); ++i) {
    if (optimum.x[i] == 0)
      ++zeros;
    else
      text += fmt::format("{:>6} {:>14.8g}\n", i, optimum.x[i]);
  }
  if (zeros > 0) text += fmt::format("{} at 0\n", zeros);
  return text;
}

}  // namespace

int market_optimize_command(int argc, char** argv) {
  CommandLine app("Solves a convex quadratic program: what to hold, given means, risks, costs and limits.");
  std::string file;
  bool json = false;
  app.add_option("problem", file, "a JSON file: P, q, A, l, u, or mean, covariance and limits").required();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;

  const market::Optimum optimum = market::optimize(file);
  if (json)
    print_json(optimum_json(optimum));
  else
    print_words(optimum_text(optimum));
  return optimum.status == market::Optimum::Status::solved ? 0 : 1;
}

}  // namespace hadal
