// The cluster as it is looked at: status, ledger, check, slurm-config.
#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/cluster.h"
#include "cli/cluster_client.h"
#include "cli/cluster_text.h"
#include "cli/idea.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "cluster/backend.h"

namespace hadal {
namespace {

std::string text_at(const OrderedJson& object, const char* key) {
  return object.contains(key) && object[key].is_string() ? without_controls(object[key].get<std::string>()) : "";
}

std::string starts_text(const OrderedJson& within) {
  if (!within.is_number()) return "no promise";
  return within.get<double>() == 0 ? "at once" : duration_text(within.get<double>());
}

void print_status(const OrderedJson& status) {
  const OrderedJson& slots = status["slots"];
  std::string text = fmt::format("{} of {} slots are used\n", figure_text(slots["used"]), figure_text(slots["total"]));
  for (const char* key : {"policy_error", "backend_error", "store_error"})
    if (status.contains(key)) text += fmt::format("! {}\n", text_at(status, key));
  text += "\nNODE             SLOTS       RUNS\n";
  for (const OrderedJson& node : status["nodes"]) {
    std::string runs;
    for (const OrderedJson& run : node["runs"])
      runs += fmt::format("{}{} {} ({})", runs.empty() ? "" : ", ", text_at(run, "run"), text_at(run, "idea"),
                          text_at(run, "person"));
    if (node.value("foreign", 0) > 0)
      runs += fmt::format("{}{} of others", runs.empty() ? "" : ", ", node.value("foreign", 0));
    const std::string use = node.value("up", true)
                                ? fmt::format("{} of {}", figure_text(node["used"]), figure_text(node["slots"]))
                                : "down";
    text += fmt::format("{} {} {}\n", cell(text_at(node, "node"), 16), cell(use, 11), cell(runs, 51));
  }
  text += "\nPERSON           LEAD  SLOTS  RUNNING  WAITING  CORE-HOURS OF LATE\n";
  for (const OrderedJson& person : status["people"]) {
    text += fmt::format("{} {} {} {} {} {}\n", cell(text_at(person, "person"), 16),
                        cell(person.value("lead", false) ? "yes" : "no", 5), cell(figure_text(person["slots"]), 6),
                        cell(figure_text(person["running"]), 8), cell(figure_text(person["waiting"]), 8),
                        core_hours_text(person.value("core_hours", 0.0)));
  }
  if (status["queue"].empty()) {
    print_table(text + "\nNobody waits.\n");
    return;
  }
  text += "\n  #  RUN    IDEA                 PERSON       SLOTS  WAITS       STARTS WITHIN\n";
  for (const OrderedJson& run : status["queue"]) {
    const bool whole = run.value("nodes", 0) > 0;
    const std::string size = whole ? fmt::format("{} n", run.value("nodes", 0)) : figure_text(run["slots"]);
    text += fmt::format("{:>3}  {} {} {} {} {} {}\n", figure_text(run["position"]), cell(text_at(run, "run"), 6),
                        cell(text_at(run, "idea"), 20), cell(text_at(run, "person"), 12), cell(size, 6),
                        cell(duration_text(run.value("waits_s", 0.0)), 11), starts_text(run["starts_within_s"]));
  }
  print_table(text);
}

std::string status_line(const OrderedJson& status) {
  int64_t running = 0, waiting = 0;
  for (const OrderedJson& person : status["people"])
    running += person.value("running", 0), waiting += person.value("waiting", 0);
  std::string text = fmt::format("{} of {} slots, {} running, {} waiting", figure_text(status["slots"]["used"]),
                                 figure_text(status["slots"]["total"]), running, waiting);
  if (!status["queue"].empty()) {
    const OrderedJson& first = status["queue"][0];
    text += fmt::format("; next {}: {}", text_at(first, "run"), starts_text(first["starts_within_s"]));
  }
  return text;
}

void print_ledger(const OrderedJson& ledger, const std::string& by) {
  const auto row_text = [&](const OrderedJson& row, const std::string& name) {
    std::string joules = "unknown";
    if (row["joules"].is_number())
      joules = joules_text(row["joules"].get<double>()) + (row.value("estimated", false) ? " est." : "");
    return fmt::format("{} {} {} {} {}\n", cell(name, 24), cell(figure_text(row["attempts"]), 8),
                       cell(core_hours_text(row.value("core_hours", 0.0)), 12), cell(joules, 16),
                       row["money"].is_number() ? money_text(row["money"].get<double>()) : "-");
  };
  std::string heading = by;
  std::transform(heading.begin(), heading.end(), heading.begin(), [](unsigned char c) { return std::toupper(c); });
  std::string text =
      fmt::format("{} ATTEMPTS CORE-HOURS   ENERGY           {}\n", cell(heading, 24), text_at(ledger, "currency"));
  for (const OrderedJson& row : ledger["rows"]) text += row_text(row, text_at(row, by.c_str()));
  print_table(text + row_text(ledger["total"], "all"));
}

void print_csv(const OrderedJson& ledger) {
  const std::string currency = text_at(ledger, "currency"), by = text_at(ledger, "by");
  std::string text = by == "person" ? "person" : by == "idea" ? "idea,person" : "run,idea,person";
  text += fmt::format(",attempts,core_hours,joules,estimated,money_{}\n", currency);
  for (const OrderedJson& row : ledger["rows"]) {
    for (const char* key : {"run", "idea", "person"})
      if (row.contains(key)) text += csv_field(text_at(row, key)) + ",";
    text += fmt::format("{},{},{},{},{}\n", row["attempts"].get<int64_t>(), row["core_hours"].get<double>(),
                        row["joules"].is_number() ? fmt::format("{}", row["joules"].get<double>()) : "",
                        row.value("estimated", false) ? "yes" : "no",
                        row["money"].is_number() ? fmt::format("{}", row["money"].get<double>()) : "");
  }
  print_text(text);
}

}  // namespace

int cluster_status(int argc, char** argv) {
  CommandLine app("Slots, nodes and what runs on them, people, and the line with what it promises.");
  ClusterFlags flags;
  bool watch = false;
  app.add_flag("--watch", watch, "a live line, until Ctrl-C");
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  ClusterClient client(flags);
  const OrderedJson status = client.get("status");
  if (flags.json)
    print_json(status);
  else
    print_status(status);
  if (!watch) return 0;
  ProgressLine line;
  each_second("", [&] {
    line.show(status_line(client.get("status")));
    return true;
  });
  return 0;
}

int cluster_ledger(int argc, char** argv) {
  CommandLine app("What was used: core-hours, joules, money; the sum of attempts that ended.");
  ClusterFlags flags;
  std::string by = "person";
  bool csv = false;
  app.add_option("--by", by, "a row a person, an idea or a run").one_of({"person", "idea", "run"}).show_default();
  app.add_flag("--csv", csv, "lines of CSV in place of a table");
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (csv && flags.json) throw UsageError("--csv and --json: expected one of them");
  const OrderedJson ledger = ClusterClient(flags).get("ledger", {{"by", by}});
  if (flags.json)
    print_json(ledger);
  else if (csv)
    print_csv(ledger);
  else
    print_ledger(ledger, by);
  return 0;
}

int cluster_check(int argc, char** argv) {
  CommandLine app(
      "Whether what the cluster remembers is sound: attempts, states and their decisions, slots and the ledger agree. "
      "The exit code is 1 where they do not.");
  ClusterFlags flags;
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  const OrderedJson found = ClusterClient(flags).get("check");
  if (flags.json) {
    print_json(found);
  } else {
    std::string text = fmt::format("{}, {}, {}: ", counted(found["runs"].get<int64_t>(), "run"),
                                   counted(found["attempts"].get<int64_t>(), "attempt"),
                                   counted(found["decisions"].get<int64_t>(), "decision"));
    text += found["mistakes"].empty() ? "all agree\n" : counted(std::ssize(found["mistakes"]), "mistake") + "\n";
    for (const OrderedJson& mistake : found["mistakes"])
      text += "  " + without_controls(mistake.get<std::string>()) + "\n";
    print_table(text);
  }
  return found["mistakes"].empty() ? 0 : 1;
}

int cluster_slurm_config(int argc, char** argv) {
  CommandLine app("Prints a working slurm.conf for these hosts, how its key is made, and in which order to start it.");
  std::vector<std::string> hosts;
  bool json = false;
  app.add_option("HOST", hosts, "their names; the first one gets the controller").required();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  const std::string text = cluster::slurm_config(hosts);
  if (json)
    print_json(OrderedJson{{"text", text}});
  else
    print_text(text);
  return 0;
}

}  // namespace hadal
