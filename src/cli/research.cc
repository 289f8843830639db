// hadal research QUESTION, and what is done with a run afterwards.
#include "research/run.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/research_line.h"
#include "cli/research_model.h"
#include "cli/verb.h"
#include "research/claims.h"

namespace hadal {
namespace {

std::string shown(std::string_view text) { return research::inert(text); }

// Ctrl-C once: stop looking and report. Twice: end at once; the run can be resumed.
std::atomic<bool> interrupted = false;
void on_interrupt(int) {
  if (interrupted.exchange(true)) ::_exit(130);
}

bool is_endpoint(const std::string& model) { return model.starts_with("http://") || model.starts_with("https://"); }

std::unique_ptr<research::Writer> make_writer(const std::string& model, const EngineFlags& flags,
                                              const net::AllowList& allowed) {
  if (!is_endpoint(model)) return local_writer(model, flags);
  const char* key = std::getenv("HADAL_API_KEY");
  return research::endpoint_writer(model, key != nullptr ? key : "", allowed);
}

// "tokens=2000,pages=10"
research::Budget read_budget(const std::string& text) {
  research::Budget budget;
  for (const std::string& part : split(text, ',')) {
    const size_t equals = part.find('=');
    const std::string name = part.substr(0, equals), value = equals == std::string::npos ? "" : part.substr(equals + 1);
    int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (value.empty() || error != std::errc() || end != value.data() + value.size() || number < 0)
      throw BadValue{"--budget", "expected tokens=N,seconds=N,pages=N, found " + brief(part)};
    if (name == "tokens")
      budget.tokens = number;
    else if (name == "seconds" && number > 0)
      budget.seconds = static_cast<double>(number);
    else if (name == "pages")
      budget.pages = number;
    else
      throw BadValue{"--budget", "expected tokens=N,seconds=N,pages=N, found " + brief(part)};
  }
  return budget;
}

std::set<research::Slot> read_slots(const std::string& text) {
  using research::Slot;
  const std::set<Slot> all = {Slot::plan, Slot::judge, Slot::gap, Slot::write};
  if (text == "all") return all;
  std::set<Slot> slots;
  if (text == "none") return slots;
  for (const std::string& name : split(text, ',')) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](Slot slot) { return research::slot_name(slot) == name; });
    if (found == all.end())
      throw BadValue{"--slots", "expected all, none, or some of plan,judge,gap,write, found " + brief(name)};
    slots.insert(*found);
  }
  return slots;
}

void print_report(const research::Report& report, const Path& folder, bool json) {
  if (json)
    print_text(research::json_file(report));
  else
    print_text(to_terminal(report, folder));
}

// A folder, or a run's name under runs/research.
Path find_run(const std::string& name) {
  if (std::filesystem::exists(name)) return name;
  if (const Path under = Path(research::kRunsFolder) / name; std::filesystem::exists(under)) return under;
  return name;
}

research::RunHooks hooks_of(ResearchLine& line) {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  return line.hooks([] { return interrupted.load(); });
}

constexpr const char* kNoSources =
    "{}: expected --sources, found none. One of these, or several parted by commas:\n"
    "  --sources folder:docs                      Markdown, text, HTML, CSV and PDF files of yours\n"
    "  --sources index:notes.index                what hadal index add --index notes.index has read\n"
    "  --sources searx:http://127.0.0.1:8888      a SearXNG server of yours\n"
    "  --sources mediawiki:https://en.wikipedia.org/w/api.php\n"
    "  BRAVE_API_KEY=... hadal research ... --sources brave\n";

int ask_command(int argc, char** argv) {
  CommandLine app(
      "Answers a question from the web and your own documents, with quotes that can be checked. Other commands: hadal "
      "research verify|resume|show RUN, hadal research list.");
  research::RunOptions options;
  std::string model = kDefaultModel, out, replay;
  std::vector<std::string> sources, allow;
  bool no_model = false, json = false;
  EngineFlags engine;
  app.add_option("QUESTION", options.question, "what you want to know").required();
  const Option model_option =
      app.add_option("-m,--model", model, "a model, or the address of an OpenAI-style server, http://127.0.0.1:PORT/v1")
          .show_default();
  app.add_flag("--no-model", no_model, "quotes alone, without any model").excludes(model_option);
  app.add_option("--sources", sources,
                 "where to look, parted by commas: folder:PATH, index:DIR, searx:URL, mediawiki:URL, brave");
  app.add_function(
      "--budget", [&](const std::string& text) { options.budget = read_budget(text); },
      "tokens=N,seconds=N,pages=N: it stops at the first that is spent (default: tokens=20000,seconds=300,pages=30)");
  app.add_function(
      "--slots", [&](const std::string& text) { options.slots = read_slots(text); },
      "what the model does: all, none, or some of plan,judge,gap,write (default: what it shows that it can)");
  app.add_option("--replay", replay, "answer every search and page from this archive (.warc.gz), without network");
  app.add_option("--out", out, fmt::format("the run's folder (default: a new one under {})", research::kRunsFolder))
      .filled();
  app.add_option("--seed", options.seed, "of the model").show_default();
  app.add_option("--allow", allow,
                 "a HOST:PORT that may be connected to although it is not public; may be given again");
  app.add_option("--resolve", options.fetch.resolve,
                 "HOST:PORT:ADDRESS: a name that is not looked up; may be given again");
  app.add_option("--proxy", options.fetch.proxy, "fetch through this proxy");
  app.add_flag("--private-queries", options.private_queries,
               "let queries to sources outside hold words of your own documents");
  engine.add_to(app);
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  options.sources = research_source_list(sources);
  if (options.sources.empty() && replay.empty()) {
    fmt::print(stderr, kNoSources, argv[0]);
    return 2;
  }
  options.replay = replay;
  options.fetch.allowed = net::AllowList(allow);
  options.out = out.empty()
                    ? Path(research::kRunsFolder) / research::new_run_id(research::kRunsFolder, options.question)
                    : Path(out);

  std::unique_ptr<research::Writer> writer;
  if (!no_model) writer = make_writer(model, engine, options.fetch.allowed);
  ResearchLine line;
  const research::Report report = research::research(options, writer.get(), hooks_of(line));
  line.clear();
  print_report(report, options.out, json);
  return 0;
}

int resume_command(int argc, char** argv) {
  CommandLine app("Goes on with a run that was killed: what is done is read, not done again.");
  std::string name, model = kDefaultModel;
  std::vector<std::string> allow;
  bool json = false;
  EngineFlags engine;
  app.add_option("RUN", name, fmt::format("the folder of a run, or its name under {}", research::kRunsFolder))
      .required();
  app.add_option("-m,--model", model, "the model that it was begun with").show_default();
  app.add_option("--allow", allow, "a HOST:PORT where the model may be");
  engine.add_to(app);
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  const Path folder = find_run(name);
  std::unique_ptr<research::Writer> writer;
  if (research::run_has_model(folder)) writer = make_writer(model, engine, net::AllowList(allow));
  ResearchLine line;
  const research::Report report = research::resume(folder, writer.get(), hooks_of(line));
  line.clear();
  print_report(report, folder, json);
  return 0;
}

int verify_run_command(int argc, char** argv) {
  CommandLine app("Checks a run by its folder alone: the archive, every quote, every claim, and the reports.");
  std::string name;
  bool json = false;
  app.add_option("RUN", name, fmt::format("the folder of a run, or its name under {}", research::kRunsFolder))
      .required();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  const research::Verdict verdict = research::verify_run(find_run(name));
  if (json) {
    print_json(OrderedJson{
        {"ok", verdict.ok}, {"claims", verdict.claims}, {"quotes", verdict.quotes}, {"faults", verdict.faults}});
  } else {
    const auto faults = static_cast<int64_t>(verdict.faults.size());
    std::string text =
        fmt::format("{}: {}, {}, {}\n", verdict.ok ? "ok" : "NOT OK", counted(verdict.claims, "claim"),
                    counted(verdict.quotes, "quote"), faults == 0 ? "no fault" : counted(faults, "fault"));
    for (const std::string& fault : verdict.faults) text += "  " + shown(fault) + "\n";
    print_text(text);
  }
  return verdict.ok ? 0 : 1;
}

int show_command(int argc, char** argv) {
  CommandLine app("Shows the report of a run.");
  std::string name;
  bool json = false;
  app.add_option("RUN", name, fmt::format("the folder of a run, or its name under {}", research::kRunsFolder))
      .required();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  const Path folder = find_run(name);
  print_report(research::read_report(folder), folder, json);
  return 0;
}

int list_command(int argc, char** argv) {
  CommandLine app(fmt::format("Lists the runs under {}.", research::kRunsFolder));
  bool json = false;
  std::string folder = research::kRunsFolder;
  app.add_option("--runs", folder, "the folder that they stand in").show_default();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  const std::vector<research::RunSummary> runs = research::list_runs(folder);
  if (json) {
    OrderedJson list = OrderedJson::array();
    for (const auto& run : runs)
      list.push_back({{"id", run.id}, {"question", run.question}, {"state", run.state}, {"started", run.started}});
    print_json(OrderedJson{{"runs", std::move(list)}});
    return 0;
  }
  std::string text;
  for (const auto& run : runs) text += fmt::format("{}  {:<8}  {}\n", shown(run.id), run.state, shown(run.question));
  print_text(text.empty() ? fmt::format("no runs under {}\n", folder) : text);
  return 0;
}

}  // namespace

int research_command(int argc, char** argv) {
  static constexpr std::array<std::pair<std::string_view, int (*)(int, char**)>, 4> kCommands = {
      {{"verify", verify_run_command}, {"resume", resume_command}, {"show", show_command}, {"list", list_command}}};
  for (const auto& [name, run] : kCommands) {
    if (argc < 2 || argv[1] != name) continue;
    std::string title = fmt::format("hadal research {}", name);
    argv[1] = title.data();
    return run(argc - 1, argv + 1);
  }
  return ask_command(argc, argv);
}

}  // namespace hadal
