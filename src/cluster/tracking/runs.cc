#include <algorithm>
#include <array>

#include "base/clock.h"
#include "base/json.h"
#include "cluster/tracking/endpoints.h"
#include "cluster/tracking/limits.h"
#include "cluster/tracking/log.h"
#include "cluster/tracking/mlflow_error.h"
#include "cluster/tracking/views.h"

namespace hadal::cluster {
namespace {

struct StatusRow {
  std::string_view name;
  int64_t number;  // in protobuf
  RunState state;  // of a tracked run, which goes on where it is running
};
constexpr std::array<StatusRow, 5> kStatuses = {{{"RUNNING", 1, RunState::running},
                                                 {"SCHEDULED", 2, RunState::running},
                                                 {"FINISHED", 3, RunState::done},
                                                 {"FAILED", 4, RunState::failed},
                                                 {"KILLED", 5, RunState::stopped}}};

// A name or protobuf's number.
const StatusRow* asked_status(const RequestFields& fields) {
  const std::vector<std::string> asked = fields.texts("status");
  if (asked.empty()) return nullptr;
  for (const StatusRow& row : kStatuses)
    if (asked[0] == row.name || asked[0] == std::to_string(row.number)) return &row;
  refuse(MlflowCode::invalid,
         "Invalid value for parameter 'status': expected RUNNING, SCHEDULED, FINISHED, FAILED or KILLED, found {}",
         brief(asked[0]));
}

void decide_state(const TrackingCall& call, const Run& run, const std::string& from, const std::string& reason) {
  call.store.add(Decision{.time = unix_seconds(),
                          .run = run.id,
                          .idea = run.idea,
                          .kind = "state",
                          .from = from,
                          .to = std::string(name_of(run.state)),
                          .by = call.caller.person.name,
                          .rule = "tracked",
                          .reason = reason});
}

// What MLflow calls a run's status is kept as it was said. Our own state follows once: what is over stays so.
void take_status(const TrackingCall& call, Run& run, const StatusRow& status) {
  call.store.set_note("run", run.id, "status", std::string(status.name));
  if (!may_follow(run.state, status.state)) return;
  const std::string from(name_of(run.state));
  run.state = status.state;
  run.reason = "its program said " + std::string(status.name);
  call.store.update(run);
  decide_state(call, run, from, run.reason);
}

}  // namespace

ApiReply create_run(const TrackingCall& call) {
  refuse_attempt(call, "new runs");
  const std::vector<NamedText> tags = tags_of(call.fields);
  std::string name = call.fields.text("run_name").value_or("");
  for (const NamedText& tag : tags) {
    if (tag.name != kRunNameTag || tag.value.empty()) continue;
    if (!name.empty() && tag.value != name) {
      refuse(MlflowCode::invalid, "the tag {} and 'run_name' differ: {} and {}; give one of them", kRunNameTag,
             brief(tag.value), brief(name));
    }
    name = tag.value;
  }
  check_length("run", "run_name", name, kMaxTagChars);
  Run run;
  call.store.write([&] {
    const std::vector<std::string> asked = call.fields.texts("experiment_id");
    const std::string experiment = asked.empty() ? std::string(kDefaultExperiment) : asked[0];
    const Idea idea = experiment_of(call, experiment, Act::add);
    if (idea.state == IdeaState::closed) {
      refuse(MlflowCode::invalid, "The experiment {} must be in the 'active' state: it is closed or deleted",
             experiment_id(idea));
    }
    run.idea = idea.id;
    run.person = call.caller.person.id;
    run.state = RunState::running;
    run.reason = "logs through MLflow's API; not scheduled";
    run.tracked = true;
    run.submitted = unix_seconds();
    run = call.store.add_run(run);
    decide_state(call, run, "", run.reason);
    const int64_t start = call.fields.integer("start_time").value_or(0);
    call.store.set_note("run", run.id, "start_time", std::to_string(start > 0 ? start : to_ms(run.submitted)));
    call.store.set_note("run", run.id, "status", "RUNNING");
    if (const auto user = call.fields.text("user_id"); user && !user->empty()) {
      check_length("run", "user_id", *user, kMaxExperimentNameChars);
      call.store.set_note("run", run.id, "user_id", *user);
    }
    for (const NamedText& tag : tags) call.store.set_note("tag", run.id, tag.name, tag.value);
    call.store.set_note("tag", run.id, std::string(kRunNameTag), name.empty() ? run_name(run.id) : name);
  });
  return mlflow_reply({{"run", RunView(call, run).json()}});
}

ApiReply get_run(const TrackingCall& call) {
  return mlflow_reply({{"run", RunView(call, run_asked(call, Act::read)).json()}});
}

ApiReply update_run(const TrackingCall& call) {
  const StatusRow* status = asked_status(call.fields);
  const std::optional<int64_t> end_time = call.fields.integer("end_time");
  const std::optional<std::string> name = call.fields.text("run_name");
  if (name) check_length("run", "run_name", *name, kMaxTagChars);
  Run run;
  call.store.write([&] {
    run = run_asked(call, Act::change);
    check_active(call.store, run);
    check_fence(call);
    if (name && !name->empty()) call.store.set_note("tag", run.id, std::string(kRunNameTag), *name);
    if (!run.tracked) return;  // a scheduled run's state is what the scheduler sees
    if (status) {
      take_status(call, run, *status);
      if (status->state == RunState::running) call.store.drop_note("run", run.id, "end_time");
    }
    if (end_time && *end_time > 0) call.store.set_note("run", run.id, "end_time", std::to_string(*end_time));
  });
  return mlflow_reply({{"run_info", RunView(call, run).info()}});
}

ApiReply delete_run(const TrackingCall& call) {
  refuse_attempt(call, "its deletion");
  call.store.write([&] {
    const Run run = run_asked(call, Act::change);
    if (!run.tracked && !is_over(run.state)) {
      refuse(MlflowCode::invalid, "{} is scheduled and not over ({}); stop it first", run_name(run.id),
             name_of(run.state));
    }
    call.store.set_note("run", run.id, "stage", "deleted");
  });
  return mlflow_reply(OrderedJson::object());
}

ApiReply restore_run(const TrackingCall& call) {
  refuse_attempt(call, "its restoration");
  call.store.write([&] { call.store.drop_note("run", run_asked(call, Act::change).id, "stage"); });
  return mlflow_reply(OrderedJson::object());
}

ApiReply search_runs(const TrackingCall& call) {
  refuse_attempt(call, "a search");
  const auto page = result_page(call.fields.integer("max_results"), call.fields.text("page_token"), 1000, 50'000);
  const auto clauses = parse_filter(call.fields.text("filter").value_or(""), SearchSubject::runs);
  const ViewType view = view_type(call.fields, "run_view_type");
  std::vector<SortKey> keys;
  for (const std::string& key : call.fields.texts("order_by")) keys.push_back(parse_sort_key(key, SearchSubject::runs));
  keys.push_back({{SearchField::attribute, "start_time"}, true});

  std::vector<std::string> experiments = call.fields.texts("experiment_ids");
  std::sort(experiments.begin(), experiments.end());
  experiments.erase(std::unique(experiments.begin(), experiments.end()), experiments.end());
  std::vector<RunView> views;
  for (const std::string& id : experiments) {
    std::optional<Idea> idea;
    try {
      idea = experiment_of(call, id, Act::read);
    } catch (const MlflowError& error) {
      if (error.code != MlflowCode::no_such) throw;
      continue;  // it has no runs
    }
    for (Run& run : call.store.runs_of(idea->id)) {
      if (!is_shown(view, is_deleted(call.store, run))) continue;
      RunView seen(call, std::move(run));
      if (matches(clauses, seen)) views.push_back(std::move(seen));
    }
  }
  std::vector<const Searchable*> found;
  for (const RunView& one : views) found.push_back(&one);
  const std::vector<size_t> order = sorted_positions(found, keys);
  OrderedJson reply = {{"runs", OrderedJson::array()}};
  size_t at = page.offset;
  for (; at < order.size() && at < page.offset + page.size; ++at) reply["runs"].push_back(views[order[at]].json());
  if (at < order.size()) reply["next_page_token"] = std::to_string(at);
  return mlflow_reply(reply);
}

}  // namespace hadal::cluster
