// hadal train RECIPE.toml
#include "base/json.h"
#include "base/progress.h"
#include "cli/options.h"
#include "cli/training_process.h"
#include "cli/verb.h"
#include "train/train_run.h"

namespace hadal {
namespace {

void print_measured(const OrderedJson& report) {
  std::string text = fmt::format("{:<20} {:>12} {:>12} {:>10}\n", "source", "nats a token", "bits a byte", "tokens");
  for (const auto& [name, v] : report.at("validation").items()) {
    const std::string bits =
        v.contains("bits_per_byte") ? fmt::format("{:.4f}", v["bits_per_byte"].get<double>()) : "-";
    text += fmt::format("{:<20} {:>12.4f} {:>12} {:>10}\n", name, v["loss"].get<double>(), bits,
                        v["tokens"].get<int64_t>());
  }
  print_text(text);
}

}  // namespace

int train_command(int argc, char** argv) {
  CommandLine app(
      "Trains a model by a recipe (recipes/*.toml): tokenizer, data, stages, checkpoints and the finished model's "
      "folder.\n"
      "Ctrl-C or SIGTERM saves a checkpoint and stops with exit code 3; --resume continues from there.\n"
      "In a cluster (docs/cluster.md) HADAL_RESUME, HADAL_BUDGET and HADAL_ATTEMPT say how.");
  std::string file, output, measured;
  TrainRunOptions options;
  bool json = false, no_save = false, check_only = false;
  app.add_option("recipe", file, "the recipe, a TOML file").required();
  app.add_flag("--resume", options.resume, "continue from the run's newest checkpoint");
  app.add_option("--output", output, "the run's folder, instead of the recipe's").filled();
  app.add_option("--max-steps", options.max_steps, "stop after so many steps in all").above_zero();
  app.add_flag("--no-save", no_save, "write no checkpoints, logs or model (for timing)");
  app.add_option("--measure", measured, "train nothing: the loss of this model on what the recipe's sources hold out");
  app.add_flag("--check", check_only,
               "train nothing: how long the run is, what it holds out, the memory that it takes");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  options.save = !no_save;

  Recipe recipe = read_recipe(file);
  if (!output.empty()) recipe.output = output;
  if (!measured.empty()) {
    const OrderedJson report = measure_recipe(recipe, measured);
    if (json)
      print_json(report);
    else
      print_measured(report);
    return 0;
  }
  if (check_only) {
    print_figures(figures_of(recipe), json);
    return 0;
  }
  const ClusterOrders orders = read_cluster_orders();
  options.resume |= orders.resume;
  options.max_tokens = orders.max_tokens(tokens_of(recipe));
  options.may_publish = orders.may_publish;
  options.stop = &stop_on_signals();
  keep_freed_memory();
  const TrainRun run = run_recipe(recipe, options);
  const int done = !json || print_report(run.report) ? 0 : 1;
  const OrderedJson& report = run.report;
  const std::string model = report.contains("model") ? "; the model is " + report.at("model").get<std::string>() : "";
  if (run.summary.finished) {
    say(fmt::format("{}: done in {}{}\n", recipe.name, duration_text(report.at("seconds")), model));
    return done;
  }
  say(fmt::format("{}: stopped at step {}{}{}\n", recipe.name, report.at("steps").get<int64_t>(), model,
                  options.save ? "; continue with --resume" : ""));
  return run.summary.stopped || run.summary.spent ? kExitStopped : done;
}

}  // namespace hadal
