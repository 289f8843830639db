// What follows runs while they go on: wait, log, and --watch.
#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/cluster_text.h"
#include "cli/idea.h"
#include "cli/options.h"
#include "cli/training_process.h"
#include "net/url.h"

namespace hadal {
namespace {

std::atomic<bool> interrupted = false;

// Ctrl-C ends the looking, and a second one the process as usual.
void look_for_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool sleep_a_second() {
  for (int i = 0; i < 20 && !interrupted; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  return !interrupted;
}

bool is_over(const std::string& state) { return state == "done" || state == "failed" || state == "stopped"; }

std::string list_of(const std::vector<std::string>& runs) {
  std::string text;
  for (const std::string& run : runs) text += (text.empty() ? "" : ", ") + run;
  return text;
}

// What of the metrics one line has room for: tokens or a step, and the last figure of what was measured.
std::string metrics_text(const OrderedJson& run) {
  std::string text;
  const OrderedJson metrics = run.value("metrics", OrderedJson::object());
  const auto add = [&](const std::string& key, const std::string& name) {
    if (metrics.contains(key))
      text += fmt::format("  {} {}", name, figure_text(metrics[key].value("last", OrderedJson())));
  };
  if (metrics.contains("train/tokens") && metrics["train/tokens"]["last"].is_number())
    text += fmt::format("  {} tokens", tokens_text(metrics["train/tokens"]["last"].get<double>()));
  add("train/loss", "loss");
  for (const auto& [key, value] : metrics.items()) {
    if (key.starts_with("validation/") && (key.ends_with("/bits_per_byte") || key.ends_with("/pass@1"))) {
      add(key, key.substr(11));
      break;
    }
  }
  if (text.empty() && !metrics.empty()) add(metrics.begin().key(), metrics.begin().key());
  return text;
}

}  // namespace

bool each_second(const std::string& left_alone, const std::function<bool()>& show) {
  look_for_interrupts();
  while (!interrupted) {
    if (!show()) return true;
    if (!sleep_a_second()) break;
  }
  say(left_alone + "\n");
  return false;
}

int watch_runs(ClusterClient& client, const std::vector<std::string>& runs) {
  ProgressLine line;
  std::string last;
  bool bad = false;
  const bool ended = each_second(fmt::format("\n{} {} on; {}", list_of(runs), runs.size() == 1 ? "goes" : "go",
                                             command({"idea", "show", runs.front()})),
                                 [&] {
                                   int64_t over = 0, num_done = 0;
                                   std::string text;
                                   for (const std::string& id : runs) {
                                     const OrderedJson run = client.get("runs/" + net::url_escape(id, false));
                                     const std::string state = run.at("state").get<std::string>();
                                     over += is_over(state), num_done += state == "done";
                                     if (runs.size() > 1) continue;
                                     text = fmt::format("{} {}{}", id, state, metrics_text(run));
                                     // Why it is in another state than before stays on the screen.
                                     if (state != last)
                                       line.note(fmt::format("{} {}: {}", id, state, run.value("reason", "")));
                                     last = state;
                                   }
                                   if (runs.size() > 1)
                                     text = fmt::format("{} of {} over, {} done", over, runs.size(), num_done);
                                   bad = num_done < over;
                                   line.show(text);
                                   return over < std::ssize(runs);
                                 });
  line.clear();
  return !ended ? kExitStopped : bad ? 1 : 0;
}

int idea_wait(int argc, char** argv) {
  CommandLine app(
      "Waits until runs are over: done, failed or stopped. The exit code is 0 where all are done, 1 where one failed "
      "or "
      "was stopped. Ctrl-C ends the waiting with 3; the runs go on.");
  ClusterFlags flags;
  std::vector<std::string> runs;
  app.add_option("RUN", runs, "their ids, as r12").required();
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  ClusterClient client(flags);
  OrderedJson array;
  bool all_done = true;
  const auto look = [&] {
    array = OrderedJson::array();
    all_done = true;
    int64_t over = 0;
    for (const std::string& id : runs) {
      const OrderedJson run = client.get("runs/" + net::url_escape(id, false));
      const std::string state = run.at("state").get<std::string>();
      over += is_over(state);
      all_done &= state == "done";
      array.push_back({{"run", id}, {"state", state}, {"reason", run.value("reason", "")}});
    }
    return over < std::ssize(runs);
  };
  const bool ended = each_second(fmt::format("{} {} on", list_of(runs), runs.size() == 1 ? "goes" : "go"), look);
  if (flags.json) {
    print_json(OrderedJson{{"runs", array}});
  } else {
    for (const OrderedJson& run : array)
      print_text(fmt::format("{} {}: {}\n", run["run"].get<std::string>(), run["state"].get<std::string>(),
                             without_controls(run["reason"].get<std::string>())));
  }
  return !ended ? kExitStopped : all_done ? 0 : 1;
}

int idea_log(int argc, char** argv) {
  CommandLine app("What a run wrote to its standard output and error.");
  ClusterFlags flags;
  std::string run;
  bool follow = false;
  app.add_option("RUN", run, "its id, as r12").required().filled();
  app.add_flag("--follow", follow, "and what it writes from now on, until it is over; Ctrl-C leaves it alone");
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  ClusterClient client(flags);
  std::string whole;
  int64_t next = 0;
  bool more = true;
  const auto read = [&] {
    for (;;) {  // what is there already, in pieces
      const OrderedJson piece =
          client.get(fmt::format("runs/{}/log", net::url_escape(run, false)), {{"from", std::to_string(next)}});
      const std::string text = piece.at("text").get<std::string>();
      next = piece.at("next").get<int64_t>();
      more = piece.at("more").get<bool>();
      if (flags.json)
        whole += text;
      else if (!text.empty())
        print_answer(text);
      if (text.empty()) return follow && more;
    }
  };
  const bool ended = each_second(fmt::format("{} goes on", run), read);
  if (flags.json) print_json(OrderedJson{{"run", run}, {"text", whole}, {"more", more}});
  return ended ? 0 : kExitStopped;
}

}  // namespace hadal
