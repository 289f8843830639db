// One question, from plan to report: the program owns plan, budget, fetching, quoting and checking.
//
// Every step is written to journal.jsonl and forced to disk before the next; a killed run resumes from there and gives
// the same report. A run's folder holds report.json, report.md, report.html, archive.warc.gz and journal.jsonl.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "research/fetch.h"
#include "research/report.h"
#include "research/slots.h"

namespace hadal::research {

struct Budget {
  int64_t tokens = 20'000;
  double seconds = 300;
  int64_t pages = 30;
};

struct RunOptions {
  std::string question;
  std::vector<std::string> sources;
  Budget budget = {};
  std::optional<std::set<Slot>> slots;  // none: those that the model earns
  Path replay;                          // empty: the network
  Path out;
  uint64_t seed = 1;
  FetchOptions fetch = {};
  bool private_queries = false;
};

// What a watcher sees, in order; `number` counts from 1 and is stable over a resume.
struct RunEvent {
  int64_t number = 0;
  // "begin", "slots", "source", "plan", "round", "search", "fetch", "page", "refused", "evidence", "model", "thought",
  // "sentence", "stop", "spent", "failed", "done"
  std::string kind;
  std::string text;  // one line for people; "" where there is nothing to say
};

struct RunProgress {
  int round = 0;
  int64_t pages = 0, refused = 0, tokens = 0;
  double seconds = 0, left_s = 0;  // since it began, over all processes; until the budget of seconds is spent
};

struct RunHooks {
  std::function<void(const RunEvent&)> on_event = {};
  std::function<void(const RunProgress&)> on_progress = {};
  std::function<bool()> stopped = {};  // true: stop looking, and report
};

// `writer` null: without a model. Error where the options make no sense, the folder is in use, or the disk is full;
// whatever the network and the model do, a report comes.
Report research(const RunOptions& options, Writer* writer, const RunHooks& hooks = {});
void check_options(const RunOptions& options);  // the Error where they make no sense; `out` is not looked at
Report resume(const Path& folder, Writer* writer, const RunHooks& hooks = {});  // what is done is read, not done again

struct RunSummary {
  std::string id, question, state;  // "running", "done", "stopped", "failed", "killed"
  std::string started;
  std::string error;  // why it failed, where its journal says so
};
inline constexpr const char* kRunsFolder = "runs/research";  // where runs are kept unless the user names another place
std::vector<RunSummary> list_runs(const Path& folder);       // newest first
std::optional<RunSummary> run_summary(const Path& folder);   // of one run; none where the folder holds no run
// A name for a run under `folder` that is not taken: the date and time and words of the question; letters, digits, '-'.
// `taken`: whether a run that has no folder yet has this name.
std::string new_run_id(const Path& folder, const std::string& question,
                       const std::function<bool(const std::string&)>& taken = {});
bool run_has_model(const Path& folder);  // whether it was begun with one
// What a watcher of the run in `folder` saw, by its journal.
std::vector<RunEvent> run_events(const Path& folder);

}  // namespace hadal::research
