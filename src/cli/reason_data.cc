// hadal reason-data RECIPE.toml
#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "base/error.h"
#include "base/progress.h"
#include "cli/options.h"
#include "cli/training_process.h"
#include "cli/verb.h"
#include "train/reason_data.h"
#include "train/train_run.h"

namespace hadal {

int reason_data_command(int argc, char** argv) {
  CommandLine app(
      "The cold-start traces of a recipe's source of kind reason: a line {\"item\", \"messages\"} for each dialogue.");
  std::string file;
  ReasonDataOptions options;
  uint64_t seed = 0;
  app.add_option("recipe", file, "the recipe, a TOML file").required();
  app.add_option("--items", options.items, "how many in all, instead of all documents of the sources").above_zero();
  app.add_option("--seed", seed, "instead of the sources'");
  add_common_options(app, nullptr);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (app.given("--seed")) options.seed = seed;

  const Stopwatch watch;
  ProgressLine progress(10);
  int64_t lines = 0;
  for_each_reason_line(read_recipe(file), options, [&](const std::string& line) {
    if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fputc('\n', stdout) == EOF)
      fail("standard output: cannot write; is the disk full, or the reader gone?");
    if (++lines % 1000 == 0)
      progress.show(fmt::format("{} dialogues, {:.0f} a second", lines,
                                static_cast<double>(lines) / std::max(watch.seconds(), 1e-3)));
    return true;
  });
  print_text("");  // flushes
  progress.clear();
  say(fmt::format("{} dialogues in {}\n", lines, duration_text(watch.seconds())));
  return 0;
}

}  // namespace hadal
