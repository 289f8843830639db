#include "research/run/begin.h"

#include <algorithm>
#include <cctype>
#include <ctime>

#include "base/command.h"
#include "base/error.h"
#include "research/evidence/evidence.h"
#include "research/report/escape.h"
#include "research/warc.h"

namespace hadal::research {
namespace {

constexpr size_t kMaxQuestionBytes = 4 << 10;
constexpr int kJournalVersion = 1;

std::optional<Slot> slot_of(const std::string& name) {
  for (const Slot slot : {Slot::plan, Slot::judge, Slot::gap, Slot::write})
    if (slot_name(slot) == name) return slot;
  return {};
}

OrderedJson begun_in(const Path& folder) {
  const Path file = folder / kJournal;
  const std::vector<JournalLine> lines = read_journal(file);
  if (lines.empty() || lines[0].kind != "begin") fail("{}: expected a run, found no beginning of one", file.string());
  return lines[0].data;
}

}  // namespace

void check_options(const RunOptions& options) {
  if (options.question.find_first_not_of(" \t\r\n") == std::string::npos)
    fail("question: expected a question, found an empty one");
  if (options.question.size() > kMaxQuestionBytes)
    fail("question: expected at most {} bytes, found {}; ask for less at once", kMaxQuestionBytes,
         options.question.size());
  if (content_words(options.question).empty())
    fail("question: expected words to look for, found {}", brief(options.question));
  if (options.sources.empty() && options.replay.empty()) fail("--sources: expected a source, found none");
  if (options.budget.tokens < 0 || options.budget.pages < 0 || !(options.budget.seconds > 0))
    fail("--budget: expected seconds above 0, and tokens and pages from 0");
  if (!options.replay.empty() && !std::filesystem::exists(options.replay))
    fail("--replay: expected an archive, found no file {}", options.replay.string());
}

bool make_run_folder(const Path& folder) {
  std::error_code none;
  if (std::filesystem::exists(folder / kJournal, none))
    fail("{}: holds a run already; go on with it: {}, or name another --out", folder.string(),
         command({"research", "resume", folder.string()}));
  if (std::filesystem::exists(folder, none) && !std::filesystem::is_empty(folder, none))
    fail("{}: expected an empty folder or none, found files in it; name another --out", folder.string());
  return std::filesystem::create_directories(folder);
}

void remove_if_nothing_was_read(const Path& folder) {
  try {
    for (const JournalLine& line : read_journal(folder / kJournal))
      if (line.kind == "search" || line.kind == "fetch" || line.kind == "plan") return;
  } catch (const Error&) {
    return;
  }
  std::error_code none;
  for (const char* name : {kJournal, kArchive}) std::filesystem::remove(folder / name, none);
  std::filesystem::remove(folder, none);
}

OrderedJson begin_data(const RunOptions& options, const Writer* writer) {
  OrderedJson slots = nullptr;
  if (options.slots) {
    slots = OrderedJson::array();
    for (const Slot slot : *options.slots) slots.push_back(std::string(slot_name(slot)));
  }
  const FetchOptions& fetch = options.fetch;
  return {{"version", kJournalVersion},
          {"started", warc_date(unix_seconds())},
          {"question", inert(options.question)},
          {"sources", options.sources},
          {"budget",
           {{"tokens", options.budget.tokens}, {"seconds", options.budget.seconds}, {"pages", options.budget.pages}}},
          {"slots", std::move(slots)},
          {"replay", options.replay.empty() ? "" : std::filesystem::absolute(options.replay).string()},
          {"seed", options.seed},
          {"private_queries", options.private_queries},
          {"model", writer != nullptr ? writer->name() : ""},
          {"fingerprint", writer != nullptr ? writer->fingerprint() : ""},
          {"fetch",
           {{"allow", fetch.allowed.texts()},
            {"resolve", fetch.resolve},
            {"proxy", fetch.proxy},
            {"robots", fetch.robots},
            {"max_bytes", fetch.limits.max_bytes},
            {"seconds", fetch.limits.seconds},
            {"host_interval_s", fetch.limits.host_interval_s}}}};
}

RunOptions options_of(const Path& folder) {
  const OrderedJson json = begun_in(folder);
  RunOptions options;
  try {
    if (json.at("version") != kJournalVersion)
      fail("{}: expected a journal of version {}, found {}; start a new run", folder.string(), kJournalVersion,
           brief_json(json.at("version")));
    options.question = json.at("question").get<std::string>();
    options.sources = json.at("sources").get<std::vector<std::string>>();
    const OrderedJson& budget = json.at("budget");
    options.budget = {budget.at("tokens").get<int64_t>(), budget.at("seconds").get<double>(),
                      budget.at("pages").get<int64_t>()};
    if (!json.at("slots").is_null()) {
      options.slots.emplace();
      for (const OrderedJson& name : json.at("slots"))
        if (const auto slot = slot_of(name.get<std::string>())) options.slots->insert(*slot);
    }
    options.replay = json.at("replay").get<std::string>();
    options.seed = json.at("seed").get<uint64_t>();
    options.private_queries = json.at("private_queries").get<bool>();
    const OrderedJson& fetch = json.at("fetch");
    options.fetch.allowed = net::AllowList(fetch.at("allow").get<std::vector<std::string>>());
    options.fetch.resolve = fetch.at("resolve").get<std::vector<std::string>>();
    options.fetch.proxy = fetch.at("proxy").get<std::string>();
    options.fetch.robots = fetch.at("robots").get<bool>();
    options.fetch.limits.max_bytes = fetch.at("max_bytes").get<uint64_t>();
    options.fetch.limits.seconds = fetch.at("seconds").get<double>();
    options.fetch.limits.host_interval_s = fetch.at("host_interval_s").get<double>();
  } catch (const OrderedJson::exception& e) {
    fail("{}: line 1: expected the options of a run ({})", (folder / kJournal).string(), plain_words(e));
  }
  options.out = folder;
  return options;
}

bool run_has_model(const Path& folder) { return begun_in(folder).value("fingerprint", std::string()) != ""; }

void check_model(const OrderedJson& begun, const Writer* writer, const Path& folder) {
  const std::string theirs = begun.value("fingerprint", std::string()),
                    mine = writer != nullptr ? writer->fingerprint() : "";
  if (theirs == mine) return;
  const std::string name = begun.value("model", std::string());
  fail("{}: the run was begun {}; resume it so", folder.string(),
       name.empty() ? "without a model" : fmt::format("with the model {}, as it was then", brief(name)));
}

void mark_failed(Steps& steps, const std::string& why) {
  try {
    if (steps.live()) steps.note("failed", why, {{"why", brief(why, 400)}});
  } catch (const Error&) {  // a full disk: the first message says it
  }
}

std::string new_run_id(const Path& folder, const std::string& question,
                       const std::function<bool(const std::string&)>& taken) {
  const time_t now = static_cast<time_t>(unix_seconds());
  tm parts{};
  ::gmtime_r(&now, &parts);
  char date[32];
  std::strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &parts);
  std::string id = date, word;
  int words = 0;
  for (const char c : question + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      if (words < 5 && id.size() + word.size() < 60) id += "-" + word;
      ++words;
      word.clear();
    }
  }
  std::string free = id;
  for (int n = 2; std::filesystem::exists(folder / free) || (taken && taken(free)); ++n)
    free = fmt::format("{}-{}", id, n);
  return free;
}

std::vector<RunEvent> run_events(const Path& folder) {
  std::vector<RunEvent> events;
  for (const JournalLine& line : read_journal(folder / kJournal)) events.push_back(to_event(line));
  return events;
}

std::optional<RunSummary> run_summary(const Path& folder) {
  const Path journal = folder / kJournal;
  std::error_code none;
  if (!std::filesystem::exists(journal, none)) return {};
  RunSummary run{folder.filename().string(), "", "failed", "", ""};
  try {
    const std::vector<JournalLine> lines = read_journal(journal);
    if (!lines.empty() && lines[0].kind == "begin") {
      run.question = lines[0].data.value("question", std::string());
      run.started = lines[0].data.value("started", std::string());
    }
    const std::string last = lines.empty() ? "" : lines.back().kind;
    if (last == "done")
      run.state = lines.back().data.value("stopped", std::string()) == "user" ? "stopped" : "done";
    else if (journal_is_held(journal))
      run.state = "running";
    else if (last == "failed")
      run.error = lines.back().data.value("why", std::string());
    else
      run.state = "killed";
  } catch (const Error&) {  // its journal is damaged
  }
  return run;
}

std::vector<RunSummary> list_runs(const Path& folder) {
  std::vector<RunSummary> runs;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (auto run = run_summary(entry.path())) runs.push_back(std::move(*run));
  }
  std::sort(runs.begin(), runs.end(), [](const RunSummary& a, const RunSummary& b) {
    return a.started != b.started ? a.started > b.started : a.id > b.id;
  });
  return runs;
}

}  // namespace hadal::research
