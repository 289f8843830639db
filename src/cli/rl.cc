// hadal rl RECIPE.toml
#include "base/json.h"
#include "base/progress.h"
#include "cli/options.h"
#include "cli/training_process.h"
#include "cli/verb.h"
#include "rl/rl_run.h"

namespace hadal {
namespace {

std::string pass_text(const OrderedJson& report) {
  std::string text;
  if (!report.contains("before") || !report.contains("after")) return text;
  for (const auto& [kind, after] : report["after"].items()) {
    text +=
        fmt::format("  {}: pass@1 {:.3f} -> {:.3f} on {} items\n", kind, report["before"][kind]["pass@1"].get<double>(),
                    after["pass@1"].get<double>(), after["items"].get<int64_t>());
  }
  return text;
}

}  // namespace

int rl_command(int argc, char** argv) {
  CommandLine app(
      "Trains a model by reinforcement learning with verifiable rewards (recipes/reason*.toml): it answers items of "
      "the "
      "recipe's tasks, is rewarded for right answers, and learns from them.\n"
      "Ctrl-C or SIGTERM saves a checkpoint and stops with exit code 3; --resume continues from there.\n"
      "In a cluster (docs/cluster.md) HADAL_RESUME, HADAL_BUDGET and HADAL_ATTEMPT say how.");
  std::string file, output;
  rl::RlRunOptions options;
  bool json = false, check_only = false;
  app.add_option("recipe", file, "the recipe, a TOML file").required();
  app.add_flag("--resume", options.resume, "continue from the run's newest checkpoint");
  app.add_option("--output", output, "the run's folder, instead of the recipe's").filled();
  app.add_option("--max-steps", options.max_steps, "stop after so many steps in all").above_zero();
  app.add_flag("--keep-rollouts", options.keep_rollouts,
               "write what was rolled out before each step into rollouts-STEP.jsonl");
  app.add_flag("--check", check_only, "train nothing: how long the run is, what it is measured on, its memory");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;

  rl::RlRecipe recipe = rl::read_rl_recipe(file);
  if (!output.empty()) recipe.output = output;
  if (check_only) {
    print_figures(rl::figures_of(recipe), json);
    return 0;
  }
  const ClusterOrders orders = read_cluster_orders();
  options.resume |= orders.resume;
  options.max_tokens = orders.budget;  // its length in tokens shows while it runs
  options.may_publish = orders.may_publish;
  options.stop = &stop_on_signals();
  keep_freed_memory();
  const rl::RlRun run = rl::run_rl(recipe, options);
  const int done = !json || print_report(run.report) ? 0 : 1;
  const OrderedJson& report = run.report;
  if (run.finished) {
    say(fmt::format("{}: done in {}; the model is {}\n{}", recipe.name,
                    duration_text(3600 * report.at("hours").get<double>()), report.at("model").get<std::string>(),
                    pass_text(report)));
    return done;
  }
  say(fmt::format("{}: stopped at step {}; continue with --resume\n", recipe.name, report.at("steps").get<int64_t>()));
  return run.stopped || run.spent ? kExitStopped : done;
}

}  // namespace hadal
