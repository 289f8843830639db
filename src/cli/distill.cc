// hadal distill RECIPE.toml
#include "rl/distill.h"

#include "base/json.h"
#include "base/progress.h"
#include "cli/options.h"
#include "cli/training_process.h"
#include "cli/verb.h"

namespace hadal {
namespace {

std::string pass_text(const OrderedJson& report) {
  std::string text;
  for (const auto& [kind, after] : report.at("after").items()) {
    text += fmt::format("  {}: pass@1 {:.3f} -> {:.3f} on {} items\n", kind,
                        report.at("before").at(kind).at("pass@1").get<double>(), after.at("pass@1").get<double>(),
                        after.at("items").get<int64_t>());
  }
  return text;
}

}  // namespace

int distill_command(int argc, char** argv) {
  CommandLine app(
      "Trains a student on a teacher's right replies (recipes/distill_smoke.toml): a model, or an endpoint on this "
      "machine, replies to items of the recipe's tasks, a verifier judges, and the student learns from what is right.\n"
      "Ctrl-C or SIGTERM stops with exit code 3; --resume continues from there.");
  std::string file, output;
  rl::DistillOptions options;
  bool json = false;
  app.add_option("recipe", file, "the recipe, a TOML file").required();
  app.add_flag("--resume", options.resume,
               "continue with the replies and the student's newest checkpoint that are there");
  app.add_option("--output", output, "the run's folder, instead of the recipe's").filled();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;

  rl::DistillRecipe recipe = rl::read_distill_recipe(file);
  if (!output.empty()) recipe.set_output(output);
  options.stop = &stop_on_signals();
  keep_freed_memory();
  const rl::DistillRun run = rl::run_distill(recipe, options);
  const int done = !json || print_report(run.report) ? 0 : 1;
  if (!run.finished) {
    say(fmt::format("{}: stopped; continue with --resume\n", recipe.name));
    return run.stopped ? kExitStopped : done;
  }
  const OrderedJson& report = run.report;
  say(fmt::format("{}: {} of {} replies right, {} kept; the student is {}\n{}", recipe.name,
                  report.at("replies").at("right").get<int64_t>(), report.at("replies").at("asked").get<int64_t>(),
                  report.at("replies").at("kept").get<int64_t>(), report.at("student").get<std::string>(),
                  pass_text(report)));
  return done;
}

}  // namespace hadal
