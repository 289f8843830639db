// Ideas and runs as they are looked at: list, show, compare.
#include "base/clock.h"
#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/cluster_text.h"
#include "cli/idea.h"
#include "cli/options.h"
#include "cluster/run.h"
#include "net/url.h"

namespace hadal {
namespace {

constexpr size_t kWidth = 80;

std::string text_of(const OrderedJson& object, const char* key) {
  return object.contains(key) && object[key].is_string() ? without_controls(object[key].get<std::string>()) : "";
}

double number_of(const OrderedJson& object, const char* key) {
  return object.contains(key) && object[key].is_number() ? object[key].get<double>() : 0;
}

std::string cost_text(const OrderedJson& shown) {
  const OrderedJson& cost = shown["cost"];
  std::string text = core_hours_text(number_of(cost, "core_hours")) + " core-hours";
  if (cost.contains("joules") && cost["joules"].is_number())
    text += fmt::format(", {}{}", joules_text(number_of(cost, "joules")),
                        cost.value("estimated", false) ? " (estimated)" : "");
  if (cost.contains("money") && cost["money"].is_number())
    text += fmt::format(", {} {}", money_text(number_of(cost, "money")), text_of(shown, "currency"));
  return text;
}

// Words broken at spaces, each line after `indent` spaces.
std::string wrapped(const std::string& text, size_t indent) {
  std::string out, line;
  for (const std::string& word : split(text, ' ')) {
    if (!line.empty() && indent + line.size() + 1 + word.size() > kWidth) {
      out += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return out + std::string(indent, ' ') + line + "\n";
}

void print_ideas(const OrderedJson& ideas, bool all) {
  if (ideas.empty()) {
    print_text(
        all ? fmt::format("There are no ideas yet; \"{}\" makes one.\n", command({"idea", "submit", "RECIPE.toml"}))
            : "No idea is so; without --mine and --state all are listed.\n");
    return;
  }
  std::string text = fmt::format("{} {} {} {} {} {} {} {}\n", cell("IDEA", 20), cell("OWNER", 10), cell("STATE", 7),
                                 cell("RUNG", 4), cell("RUNS", 4), cell("BEST", 8), cell("CORE-H", 7), cell("WHY", 13));
  for (const OrderedJson& idea : ideas) {
    text +=
        fmt::format("{} {} {} {} {} {} {} {}\n", cell(text_of(idea, "idea"), 20), cell(text_of(idea, "owner"), 10),
                    cell(text_of(idea, "state"), 7), cell(figure_text(idea["rung"]), 4),
                    cell(figure_text(idea["runs"]), 4), cell(figure_text(idea["best"]), 8),
                    cell(core_hours_text(number_of(idea["cost"], "core_hours")), 7), cell(text_of(idea, "why"), 13));
  }
  print_table(text);
}

std::string ideas_line(const OrderedJson& ideas) {
  int64_t runs = 0, live = 0, waiting = 0;
  for (const OrderedJson& idea : ideas) {
    runs += idea.value("runs", 0);
    live += idea.value("live", 0);
    waiting += idea.value("waiting", 0);
  }
  return fmt::format("{}, {}: {} running, {} waiting", counted(std::ssize(ideas), "idea"), counted(runs, "run"), live,
                     waiting);
}

std::string decisions_text(const OrderedJson& decisions) {
  std::string text;
  for (const OrderedJson& d : decisions) {
    const std::string from = text_of(d, "from"), to = text_of(d, "to");
    const std::string change = from == to || from.empty() ? to : to.empty() ? "not " + from : from + " -> " + to;
    const std::string kind = text_of(d, "kind") == "state" ? "" : text_of(d, "kind") + " ";
    text += fmt::format("  {}  {}{} ({}, {})\n", clock_text(number_of(d, "time")), kind, change, text_of(d, "by"),
                        text_of(d, "rule"));
    text += wrapped(text_of(d, "reason"), 6);
  }
  return text;
}

void print_run(const OrderedJson& run) {
  const double now = unix_seconds();
  std::string text = fmt::format("{}  {}  of idea {}, {}'s\n", text_of(run, "run"), text_of(run, "state"),
                                 text_of(run, "idea"), text_of(run, "owner"));
  text += wrapped(text_of(run, "reason"), 2);
  const int64_t nodes = run.value("nodes", 0), slots = run.value("slots", 0);
  std::string size = nodes > 0 ? counted(nodes, "node") : counted(slots, "slot");
  if (nodes > 0 && slots > 0) size += fmt::format(" of {}", counted(slots, "slot"));
  text += wrapped(fmt::format("{}, rung {}, submitted {}, {}", size, figure_text(run["rung"]),
                              time_ago(number_of(run, "submitted"), now), cost_text(run)),
                  2);
  if (run.contains("tokens") && run["tokens"].is_number())
    text += fmt::format(
        "  {}{} tokens\n", tokens_text(number_of(run, "tokens")),
        number_of(run, "length_tokens") > 0 ? fmt::format(" of {}", tokens_text(number_of(run, "length_tokens"))) : "");
  text += fmt::format("  in {}\n", text_of(run, "folder"));
  if (!run["attempts"].empty()) text += "\nATTEMPT  STARTED              TOOK        EXIT  HOW IT ENDED\n";
  for (const OrderedJson& a : run["attempts"]) {
    const double started = number_of(a, "started"), ended = number_of(a, "ended");
    const std::string took = started == 0 ? "" : duration_text((ended > 0 ? ended : now) - started);
    text += fmt::format("{} {} {} {} {}\n", cell(figure_text(a["attempt"]), 8),
                        cell(started > 0 ? clock_text(started) : "", 20), cell(took, 11),
                        cell(figure_text(a["exit"]), 5), cell(text_of(a, "why"), 32));
  }
  if (!run["metrics"].empty()) text += "\nMETRIC                              LAST       BEST       STEP\n";
  for (const auto& [key, value] : run["metrics"].items())
    text += fmt::format("{} {} {} {}\n", cell(without_controls(key), 35), cell(figure_text(value["last"]), 10),
                        cell(figure_text(value["best"]), 10), figure_text(value["step"]));
  text += "\nDECISIONS\n" + decisions_text(run["decisions"]);
  print_table(text);
}

void print_idea(const OrderedJson& idea) {
  std::string text = fmt::format("{}  {}, {}'s{}{}\n", text_of(idea, "idea"), text_of(idea, "state"),
                                 text_of(idea, "owner"), idea.value("baseline", false) ? ", the baseline" : "",
                                 idea.value("private", false) ? ", private" : "");
  if (const std::string why = text_of(idea, "why"); !why.empty()) text += wrapped(why, 2);
  text += wrapped(
      fmt::format("rung {}, best {}, {}", figure_text(idea["rung"]), figure_text(idea["best"]), cost_text(idea)), 2);
  for (const OrderedJson& grant : idea.value("grants", OrderedJson::array()))
    text += fmt::format("  granted {} until {}\n", counted(grant.value("slots", 0), "slot"),
                        clock_text(number_of(grant, "until")));
  if (!idea["runs"].empty()) text += "\nRUN    STATE      RUNG SEED  TOKENS  BEST     WHY\n";
  for (const OrderedJson& run : idea["runs"]) {
    text += fmt::format("{} {} {} {} {} {} {}\n", cell(text_of(run, "run"), 6), cell(text_of(run, "state"), 10),
                        cell(figure_text(run["rung"]), 4), cell(figure_text(run["seed"]), 5),
                        cell(run["tokens"].is_number() ? tokens_text(number_of(run, "tokens")) : "", 7),
                        cell(figure_text(run["best"]), 8), cell(text_of(run, "reason"), 34));
  }
  if (!idea["decisions"].empty()) text += "\nDECISIONS\n" + decisions_text(idea["decisions"]);
  print_table(text);
}

}  // namespace

int idea_list(int argc, char** argv) {
  CommandLine app("Lists ideas: whose, how far, the best figure, what they cost.");
  ClusterFlags flags;
  bool mine = false, watch = false;
  std::string state;
  app.add_flag("--mine", mine, "your own alone");
  app.add_option("--state", state, "of the idea").one_of({"open", "parked", "closed"});
  app.add_flag("--watch", watch, "a live line of how many run and wait, until Ctrl-C");
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  ClusterClient client(flags);
  ClusterClient::Query query;
  if (mine) query["mine"] = "1";
  if (!state.empty()) query["state"] = state;
  const OrderedJson answer = client.get("ideas", query);
  if (flags.json)
    print_json(answer);
  else
    print_ideas(answer["ideas"], query.empty());
  if (!watch) return 0;
  ProgressLine line;
  each_second("", [&] {
    line.show(ideas_line(client.get("ideas", query)["ideas"]));
    return true;
  });
  return 0;
}

int idea_show(int argc, char** argv) {
  CommandLine app("Shows a run or an idea: its state and why, attempts, figures, every decision with its reason.");
  ClusterFlags flags;
  std::string id;
  app.add_option("ID", id, "a run's id, as r12, or an idea's name").required().filled();
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  ClusterClient client(flags);
  const bool is_run = cluster::run_named(id).has_value();
  const OrderedJson answer = client.get((is_run ? "runs/" : "ideas/") + net::url_escape(id, false));
  if (flags.json)
    print_json(answer);
  else if (is_run)
    print_run(answer);
  else
    print_idea(answer);
  return 0;
}

int idea_compare(int argc, char** argv) {
  CommandLine app("Runs side by side by one figure, and for each idea its mean and the spread of its seeds.");
  ClusterFlags flags;
  std::vector<std::string> runs;
  std::string metric;
  app.add_option("RUN", runs, "their ids, as r12").required();
  app.add_option("--metric", metric, "the figure (default: the one that each run is ranked by)").filled();
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  ClusterClient client(flags);
  std::string list;
  for (const std::string& run : runs) list += (list.empty() ? "" : ",") + run;
  ClusterClient::Query query = {{"runs", list}};
  if (!metric.empty()) query["metric"] = metric;
  const OrderedJson answer = client.get("compare", query);
  if (flags.json) {
    print_json(answer);
    return 0;
  }
  std::string text = fmt::format("by {}\n\nRUN    IDEA                 SEED  STATE      RUNG TOKENS  LAST     BEST\n",
                                 text_of(answer, "metric"));
  for (const OrderedJson& run : answer["runs"]) {
    text += fmt::format("{} {} {} {} {} {} {} {}\n", cell(text_of(run, "run"), 6), cell(text_of(run, "idea"), 20),
                        cell(figure_text(run["seed"]), 5), cell(text_of(run, "state"), 10),
                        cell(figure_text(run["rung"]), 4),
                        cell(run["tokens"].is_number() ? tokens_text(number_of(run, "tokens")) : "", 7),
                        cell(figure_text(run["last"]), 8), cell(figure_text(run["best"]), 8));
  }
  text += "\nIDEA                 RUNS MEAN       SPREAD OF SEEDS\n";
  for (const OrderedJson& idea : answer["ideas"])
    text += fmt::format("{} {} {} {}\n", cell(text_of(idea, "idea"), 20), cell(figure_text(idea["runs"]), 4),
                        cell(figure_text(idea["mean"]), 10),
                        idea["spread"].is_number() ? "+- " + figure_text(idea["spread"]) : "of one run: not known");
  print_table(text);
  return 0;
}

}  // namespace hadal
