// What changes an idea or a run: new, stop, suspend, resume, baseline, promote, grant, park, close.
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/cluster_text.h"
#include "cli/idea.h"
#include "cli/options.h"
#include "net/url.h"

namespace hadal {
namespace {

void print_answer_of(const ClusterFlags& flags, const OrderedJson& answer, const std::string& words) {
  if (flags.json)
    print_json(answer);
  else
    print_text(words + "\n");
}

int act_on_run(int argc, char** argv, const std::string& about, const std::string& verb, const std::string& done) {
  CommandLine app(about);
  ClusterFlags flags;
  std::string run, why;
  app.add_option("RUN", run, "its id, as r12").required().filled();
  app.add_option("--why", why, "the reason, kept with the decision").filled();
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  ClusterClient client(flags);
  const OrderedJson answer =
      client.post(fmt::format("runs/{}/{}", net::url_escape(run, false), verb), OrderedJson{{"why", why}});
  print_answer_of(flags, answer, fmt::format("{} {}", run, done));
  return 0;
}

int act_on_idea(int argc, char** argv, const std::string& about, const std::string& verb, const std::string& done,
                const std::string& undo = "") {
  CommandLine app(about);
  ClusterFlags flags;
  std::string idea, why;
  bool undone = false;
  app.add_option("IDEA", idea, "its name").required().filled();
  app.add_option("--why", why, "the reason, kept with the decision").filled();
  if (!undo.empty()) app.add_flag("--undo", undone, "the contrary: it is open again");
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  ClusterClient client(flags);
  const OrderedJson answer = client.post(fmt::format("ideas/{}/{}", net::url_escape(idea, false), undone ? undo : verb),
                                         OrderedJson{{"why", why}});
  print_answer_of(flags, answer, fmt::format("{} {}", idea, undone ? "is open" : done));
  return 0;
}

}  // namespace

int idea_new(int argc, char** argv) {
  CommandLine app("Makes an idea, before its first run. (hadal idea submit --idea NAME makes one too.)");
  ClusterFlags flags;
  std::string name, why;
  bool secret = false, baseline = false;
  app.add_option("NAME", name, "its unique name: letters, digits, . _ -").required().filled();
  app.add_option("--why", why, "what it is for").required().filled();
  app.add_flag("--private", secret, "shown to you and to leads alone");
  app.add_flag("--baseline", baseline, "for leads: comparable runs of other ideas are measured against it");
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  ClusterClient client(flags);
  const OrderedJson answer = client.post("ideas", OrderedJson{{"name", name}, {"why", why}, {"private", secret}});
  if (baseline) client.post(fmt::format("ideas/{}/baseline", net::url_escape(name, false)), OrderedJson{{"why", why}});
  print_answer_of(flags, answer, fmt::format("{} is there; hadal idea submit --idea {} ... runs it", name, name));
  return 0;
}

int idea_stop(int argc, char** argv) {
  return act_on_run(argc, argv, "Ends a run for good. Its folder and figures stay.", "stop", "is to stop");
}

int idea_suspend(int argc, char** argv) {
  return act_on_run(argc, argv, "Lets a run save and end, and keeps it out of line until `hadal idea resume`.",
                    "suspend", "is to save and end; hadal idea resume puts it back into the line");
}

int idea_resume(int argc, char** argv) {
  return act_on_run(argc, argv, "Puts a run that a person suspended back into the line.", "resume",
                    "is back in the line");
}

int idea_park(int argc, char** argv) {
  return act_on_idea(argc, argv, "Parks an idea: what waits of it starts no more, until --undo.", "park", "is parked",
                     "open");
}

int idea_close(int argc, char** argv) {
  return act_on_idea(argc, argv,
                     "Closes an idea: it takes no more runs, and those that wait are stopped. What runs may end.",
                     "close", "is closed");
}

int idea_baseline(int argc, char** argv) {
  return act_on_idea(
      argc, argv,
      "Makes an idea the baseline: whoever is worse than its runs at a rung does not go on by itself. For "
      "leads.",
      "baseline", "is the baseline now");
}

int idea_promote(int argc, char** argv) {
  CommandLine app("Lets an idea's runs go on to a rung, whatever the ladder says. For leads.");
  ClusterFlags flags;
  std::string idea, why;
  int64_t rung = 0;
  app.add_option("IDEA", idea, "its name").required().filled();
  app.add_option("--to", rung, "the rung; the last one where its runs have fewer").required().range(2, 64);
  app.add_option("--why", why, "the reason, kept with the decision").required().filled();
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  ClusterClient client(flags);
  const OrderedJson answer = client.post(fmt::format("ideas/{}/promote", net::url_escape(idea, false)),
                                         OrderedJson{{"to", rung}, {"why", why}});
  print_answer_of(flags, answer, fmt::format("{} goes on to rung {}", idea, answer.at("rung").get<int>()));
  return 0;
}

int idea_grant(int argc, char** argv) {
  CommandLine app("Gives an idea so many slots until a date, ahead of everybody. For leads.");
  ClusterFlags flags;
  std::string idea, why;
  int64_t slots = 0;
  double until = 0;
  app.add_option("IDEA", idea, "its name").required().filled();
  app.add_option("--slots", slots, "how many, in place of what it was granted before; 0 ends that")
      .required()
      .range(0, 1'000'000);
  app.add_function(
         "--until", [&](const std::string& text) { until = parse_until(text, "--until", unix_seconds()); },
         "a day, 2026-12-24, with a time, 2026-12-24T18:00, or a span from now, 7d")
      .required();
  app.add_option("--why", why, "the reason, kept with the decision").required().filled();
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  ClusterClient client(flags);
  const OrderedJson answer = client.post(fmt::format("ideas/{}/grant", net::url_escape(idea, false)),
                                         OrderedJson{{"slots", slots}, {"until", until}, {"why", why}});
  print_answer_of(flags, answer, fmt::format("{} has {} until {}", idea, counted(slots, "slot"), clock_text(until)));
  return 0;
}

}  // namespace hadal
