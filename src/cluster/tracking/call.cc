#include "cluster/tracking/call.h"

#include <charconv>
#include <cmath>

#include "base/clock.h"
#include "cluster/tracking/mlflow_error.h"

namespace hadal::cluster {

void refuse_attempt(const TrackingCall& call, std::string_view what) {
  if (call.caller.run == 0) return;
  refuse(MlflowCode::denied, "the token of an attempt of {} opens this run alone, not {}; use a person's token",
         run_name(call.caller.run), what);
}

std::string experiment_id(const Idea& idea) {
  return idea.name == kDefaultIdea ? std::string(kDefaultExperiment) : std::to_string(idea.id);
}

Idea default_idea(const TrackingCall& call, Act act) {
  if (const auto found = call.store.idea_named(std::string(kDefaultIdea))) return *found;
  Idea idea;
  idea.name = kDefaultIdea;
  idea.why = "runs logged without an experiment";
  if (act == Act::read) return idea;
  call.store.write([&] {
    if (const auto found = call.store.idea_named(idea.name)) {  // another call was quicker
      idea = *found;
      return;
    }
    idea.owner = call.caller.person.id;
    idea.created = unix_seconds();
    idea = call.store.add_idea(idea);
    call.changed_ideas.push_back(idea.id);
    call.store.add(Decision{.time = idea.created,
                            .idea = idea.id,
                            .kind = "idea",
                            .from = "",
                            .to = "open",
                            .by = call.caller.person.name,
                            .rule = "tracked",
                            .reason = "MLflow's default experiment, at its first use"});
  });
  return idea;
}

Idea experiment_of(const TrackingCall& call, const std::string& id, Act act) {
  std::optional<Idea> idea;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  const bool is_number = error == std::errc() && end == id.data() + id.size();
  if (id == kDefaultExperiment) {
    idea = call.caller.run == 0 ? default_idea(call, act) : call.store.idea_named(std::string(kDefaultIdea));
  } else if (is_number && number > 0) {
    idea = call.store.idea(number);
  }
  if (call.caller.run != 0) {
    const std::optional<Run> own = call.store.run(call.caller.run);
    if (act != Act::read || !idea || !own || own->idea != idea->id) refuse_attempt(call, "experiment " + brief(id));
  }
  if (!idea || (call.caller.run == 0 && !may_see(call.caller, *idea))) {
    refuse(MlflowCode::no_such, "No experiment with id {} exists", brief(id));
  }
  if (act == Act::change && idea->owner != call.caller.person.id && !call.caller.person.lead) {
    refuse(MlflowCode::denied, "experiment {} ({}) belongs to another person; its owner and leads may change it",
           experiment_id(*idea), idea->name);
  }
  return *idea;
}

Run run_of(const TrackingCall& call, const std::string& id, Act act) {
  const std::optional<int64_t> number = run_named(id);
  if (call.caller.run != 0 && number != call.caller.run) refuse_attempt(call, "run " + brief(id));
  const std::optional<Run> run = number ? call.store.run(*number) : std::nullopt;
  const std::optional<Idea> idea = run ? call.store.idea(run->idea) : std::nullopt;
  if (!idea || (call.caller.run == 0 && !may_see(call.caller, *idea))) {
    refuse(MlflowCode::no_such, "Run with id={} not found", brief(id));
  }
  if (act == Act::change && !may_act(call.caller, *run)) {
    refuse(MlflowCode::denied, "run {} belongs to another person; its owner and leads may change it", id);
  }
  return *run;
}

Run run_asked(const TrackingCall& call, Act act) {
  const bool is_old = !call.fields.text("run_id").has_value() && call.fields.text("run_uuid").has_value();
  return run_of(call, call.fields.needed_text(is_old ? "run_uuid" : "run_id"), act);
}

bool is_deleted(Store& store, const Idea& idea) { return store.note("experiment", idea.id, "stage") == "deleted"; }

bool is_deleted(Store& store, const Run& run) {
  return store.note("run", run.id, "stage") == "deleted" || store.note("experiment", run.idea, "stage") == "deleted";
}

void check_active(Store& store, const Run& run) {
  if (is_deleted(store, run)) {
    refuse(MlflowCode::invalid, "The run {} must be in the 'active' state. Current state is deleted; restore it first",
           run_name(run.id));
  }
}

void check_fence(const TrackingCall& call) {
  if (call.caller.run == 0) return;
  const std::optional<Run> run = call.store.run(call.caller.run);
  if (!run || run->attempts != call.caller.attempt) {
    refuse(MlflowCode::denied, "the token is of attempt {} of {}, and attempt {} began since", call.caller.attempt,
           run_name(call.caller.run), run ? run->attempts : 0);
  }
}

Path run_folder(const TrackingCall& call, const Run& run) { return call.folder / "runs" / run_name(run.id); }

int64_t to_ms(double seconds) { return std::llround(seconds * 1000); }
int64_t now_ms() { return to_ms(unix_seconds()); }

}  // namespace hadal::cluster
