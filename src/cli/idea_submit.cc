// hadal idea submit: a recipe or a command, with what it needs, to the cluster's line.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/cluster_text.h"
#include "cli/idea.h"
#include "cli/options.h"
#include "cli/submitted_recipe.h"
#include "cli/verb.h"
#include "cluster/daemon.h"

extern char** environ;

namespace hadal {
namespace {

class Files {
 public:
  void add(const Path& path) {
    std::error_code error;
    const Path whole = std::filesystem::canonical(path, error);
    if (error) fail("--with: {}: {}", path.string(), error.message());
    if (!std::filesystem::is_directory(whole)) return add_file(whole, whole.filename());
    std::vector<Path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(whole)) {
      if (entry.is_symlink() && entry.is_directory())
        fail("--with: {}: links to folders are not followed; give that folder too", entry.path().string());
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    for (const Path& file : found) add_file(file, whole.filename() / file.lexically_relative(whole));
  }
  std::vector<std::pair<std::string, std::string>> take() { return std::move(files_); }

 private:
  void add_file(const Path& file, const Path& name) {
    if (!std::filesystem::is_regular_file(file))
      fail("--with: {}: expected a file or a folder, found something else", file.string());
    bytes_ += std::filesystem::file_size(file);
    if (bytes_ > kMost) {
      fail("--with: expected at most {} MiB in all, found more at {}; name data by its path in place of sending it",
           kMost >> 20, file.string());
    }
    std::string content = read_file(file, kMost);
    for (const auto& [other, text] : files_)
      if (other == name.string()) fail("--with: two files would be {} in the run's folder; rename one", other);
    files_.emplace_back(name.string(), std::move(content));
  }
  static constexpr uint64_t kMost = cluster::kMaxFileBytes;
  std::vector<std::pair<std::string, std::string>> files_;
  uint64_t bytes_ = 0;
};

// What a run has of its submitter's environment: all but what a cluster itself says, and the token for it.
std::vector<std::pair<std::string, std::string>> own_environment() {
  std::vector<std::pair<std::string, std::string>> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string_view::npos) continue;
    const std::string name(text.substr(0, equals));
    if (cluster::is_said_by_cluster(name) || name == "HADAL_CLUSTER_TOKEN") continue;
    all.emplace_back(name, std::string(text.substr(equals + 1)));
  }
  return all;
}

// "-- COMMAND ...": what follows the first "--" is the run's, also where it looks like an option.
std::vector<std::string> take_command(int& argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--") != 0) continue;
    std::vector<std::string> command(argv + i + 1, argv + argc);
    if (command.empty() || command[0].empty()) throw UsageError("expected a command after --, found none");
    argc = i;
    return command;
  }
  return {};
}

void print_submitted(const OrderedJson& answer) {
  const std::string state = answer.at("state").get<std::string>();
  std::string text = fmt::format("{} of idea {}: {}", answer.at("run").get<std::string>(),
                                 answer.at("idea").get<std::string>(), state);
  if (state == "queued") {
    const OrderedJson& within = answer.at("starts_within_s");
    if (!answer.at("position").is_number())
      text += ", not in line: its idea is parked and starts nothing";
    else if (within.is_number() && within.get<double>() == 0)
      text += ", starts at once";
    else
      text += fmt::format(
          ", number {} in line, {}", figure_text(answer["position"]),
          within.is_number() ? "starts within " + duration_text(within.get<double>()) : "no promise of when it starts");
  }
  print_text(text + "\n");
}

}  // namespace

int idea_submit(int argc, char** argv) {
  cluster::Submission submission;
  submission.command = take_command(argc, argv);
  CommandLine app(
      "Submits a run: a recipe (of hadal train, or with [rl] of hadal rl), or any command after \"--\".\n"
      "The recipe, with overrides, and the files of --with are copied into the run's folder; what changes here "
      "afterwards does not count.\n"
      "Where no daemon runs on this machine, one is started.");
  ClusterFlags flags;
  RecipeOverrides overrides;
  std::string recipe;
  std::vector<std::string> with;
  int64_t slots = 1, nodes = 0;
  bool watch = false;
  app.add_option("RECIPE", recipe, "a recipe, a .toml file; or -- COMMAND ...").filled();
  app.add_option("--idea", submission.idea, "the idea that it belongs to; a new one where there is none of this name")
      .filled();
  app.add_option("--why", submission.why, "what a new idea is for").filled();
  const Option slots_option =
      app.add_option("--slots", slots, "cores of one node; with --nodes, of each").range(1, 100'000);
  app.add_option("--nodes", nodes, "whole nodes").range(1, 100'000);
  app.add_function(
      "--memory", [&](const std::string& text) { submission.size.memory_bytes = parse_memory(text, "--memory"); },
      "on each node, as 2G");
  app.add_function(
      "--time", [&](const std::string& text) { submission.time_limit_s = parse_time_span(text, "--time"); },
      "after which it is stopped, as 2h or 90m");
  int64_t seed = -1;
  app.add_option("--seed", seed, "in place of the recipe's").range(int64_t{0}, int64_t{1} << 40);
  app.add_option("--set", overrides.set, "a key of the recipe and its value, as stage.0.steps=100")
      .needs(app.option("RECIPE"));
  app.add_option("--metric", submission.metric, "KEY or KEY:max: what a command is compared by").filled();
  app.add_option("--with", with, "a file or a folder that is copied into the run's folder").filled();
  app.add_flag("--watch", watch, "show how it goes until it is over; Ctrl-C leaves it alone");
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (recipe.empty() == submission.command.empty()) {
    throw UsageError(recipe.empty() ? "expected a recipe, or -- and a command, found none"
                                    : "expected a recipe, or -- and a command, found both");
  }

  if (!recipe.empty()) {
    if (seed >= 0) overrides.seed = seed;
    submission.recipe_name = Path(recipe).filename().string();
    if (!recipe.ends_with(".toml"))
      throw UsageError(
          fmt::format("expected a recipe that is named .toml, found {}; a command comes after --", recipe));
    submission.recipe = submitted_recipe(recipe, overrides);
  }
  submission.seed = seed;
  submission.size.nodes = static_cast<int>(nodes);
  submission.size.slots = nodes > 0 && slots_option.count() == 0 ? 0 : static_cast<int>(slots);
  submission.submit_folder = std::filesystem::current_path().string();
  submission.version = "hadal " HADAL_VERSION;
  Files files;
  for (const std::string& path : with) files.add(path);
  submission.files = files.take();

  ClusterClient client(flags);
  client.start_daemon_if_none();
  if (client.local()) submission.environment = own_environment();
  const std::string text = cluster::submission_text(submission);
  if (text.size() > cluster::kMaxSubmissionBytes)
    fail("the submission: expected at most {} MiB with its files and environment, found {} MiB; send less along",
         cluster::kMaxSubmissionBytes >> 20, (text.size() >> 20) + 1);
  const OrderedJson answer = client.post("submit", text);
  if (flags.json)
    print_json(answer);
  else
    print_submitted(answer);
  return watch ? watch_runs(client, {answer.at("run").get<std::string>()}) : 0;
}

}  // namespace hadal
