// hadal train RECIPE.toml
#include <malloc.h>

#include <climits>
#include <csignal>
#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "train/train_run.h"
#include "train/trainer.h"

namespace hadal {
namespace {

// Ctrl-C, SIGTERM and SIGHUP (the terminal was closed): save and stop after the step. Ctrl-C or SIGTERM a second time
// ends the process as usual (the last checkpoint is whole); a closed terminal may send SIGHUP twice, itself and through
// its shell. A run whose output nobody reads any more goes on.
void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { Trainer::request_stop(); };
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction before {};
  sigaction(SIGHUP, nullptr, &before);
  action.sa_flags = SA_RESTART;
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);  // nohup
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is an error of the write, as a full disk is
}

// What the run did is on disk; that nobody reads this line is no reason to fail.
void say(const std::string& line) { std::fwrite(line.data(), 1, line.size(), stderr); }

void print_report(const OrderedJson& report) {
  try {
    print_json(report);
  } catch (const Error& error) {
    log_warning("{}", error.what());
  }
}

// Every step takes and frees the same large blocks. Handed back to the system they would come again as pages to be
// cleared, which costs a tenth of a step.
void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

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
  CLI::App app(
      "Trains a model by a recipe (recipes/*.toml): tokenizer, data, stages, checkpoints and the finished model's "
      "folder.\n"
      "Ctrl-C saves a checkpoint and stops; --resume goes on from there.",
      argv[0]);
  std::string file, output, measured;
  TrainRunOptions options;
  bool json = false, no_save = false;
  app.add_option("recipe", file, "the recipe, a TOML file")->required();
  app.add_flag("--resume", options.resume, "go on from the run's newest checkpoint");
  app.add_option("--output", output, "the run's folder, instead of the recipe's");
  app.add_option("--max-steps", options.max_steps, "stop after so many steps in all")->check(CLI::PositiveNumber);
  app.add_flag("--no-save", no_save, "write no checkpoints, logs or model (for timing)");
  app.add_option("--measure", measured, "train nothing: the loss of this model on what the recipe's sources hold out");
  add_common_options(app, &json);
  if (const auto code = parse_options(app, argc, argv)) return *code;
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
  stop_on_signals();
  keep_freed_memory();
  const OrderedJson report = run_recipe(recipe, options);
  if (json) print_report(report);
  const std::string model = report.contains("model") ? "; the model is " + report.at("model").get<std::string>() : "";
  if (report.at("finished") == true) {
    say(fmt::format("{}: done in {}{}\n", recipe.name, duration_text(report.at("seconds")), model));
    return 0;
  }
  say(fmt::format("{}: stopped at step {}{}{}\n", recipe.name, report.at("steps").get<int64_t>(), model,
                  options.save ? "; go on with --resume" : ""));
  return 0;
}

}  // namespace hadal
