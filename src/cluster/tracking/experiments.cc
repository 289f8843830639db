#include <algorithm>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "cluster/tracking/endpoints.h"
#include "cluster/tracking/limits.h"
#include "cluster/tracking/mlflow_error.h"
#include "cluster/tracking/views.h"

namespace hadal::cluster {
namespace {

// The idea of an experiment's name, which may be any text: the name itself where an idea may have it, else its
// characters that may be in one and a part of its hash, so that it is found again.
std::string idea_name(const std::string& name) {
  if (name_mistake(name).empty()) return name;
  std::string out;
  for (const char c : name.substr(0, 40)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || !out.empty()) out += plain || c == '.' || c == '_' ? c : '-';
  }
  return (out.empty() ? "experiment" : out) + "-" + sha256(name).substr(0, 10);
}

std::optional<Idea> experiment_named(Store& store, const std::string& name) {
  std::optional<Idea> idea = store.idea_named(idea_name(name));
  if (idea && store.note("experiment", idea->id, "name").value_or(idea->name) != name) return std::nullopt;
  return idea;
}

std::string asked_name(const TrackingCall& call, const char* field) {
  const std::string name = call.fields.needed_text(field);
  check_experiment_name(name);
  return name;
}

void note_update(const TrackingCall& call, const Idea& idea) {
  call.store.set_note("experiment", idea.id, "last_update_time", std::to_string(now_ms()));
  call.changed_ideas.push_back(idea.id);
}

void note_name(Store& store, const Idea& idea, const std::string& name) {
  if (idea.name == name) {
    store.drop_note("experiment", idea.id, "name");
  } else {
    store.set_note("experiment", idea.id, "name", name);
  }
}

void decide(const TrackingCall& call, const Idea& idea, const std::string& from, const std::string& to,
            const std::string& reason) {
  call.store.add(Decision{.time = unix_seconds(),
                          .idea = idea.id,
                          .kind = "idea",
                          .from = from,
                          .to = to,
                          .by = call.caller.person.name,
                          .rule = "tracked",
                          .reason = reason});
}

void set_tag_of_experiment(const TrackingCall& call, const Idea& idea, const RequestFields& fields) {
  const std::string key = fields.needed_text("key"), value = fields.text("value").value_or("");
  check_key("tag", key);
  check_length("tag", key, value, kMaxExperimentTagChars);
  call.store.set_note("experiment_tag", idea.id, key, value);
}

std::vector<ExperimentView> seen_experiments(const TrackingCall& call, ViewType view) {
  std::vector<ExperimentView> out;
  const Idea zero = default_idea(call, Act::read);  // clients expect it to be there
  if (zero.id == 0 && is_shown(view, false)) out.emplace_back(call, zero);
  for (const Idea& idea : call.store.ideas())
    if (may_see(call.caller, idea) && is_shown(view, is_deleted(call.store, idea))) out.emplace_back(call, idea);
  return out;
}

}  // namespace

ApiReply create_experiment(const TrackingCall& call) {
  refuse_attempt(call, "new experiments");
  const std::string name = asked_name(call, "name");
  if (call.fields.count("tags") > kMaxBatchTags) {
    refuse(MlflowCode::invalid, "an experiment is created with at most {} tags, found {}", kMaxBatchTags,
           call.fields.count("tags"));
  }
  Idea idea;
  call.store.write([&] {
    if (name == kDefaultIdea || call.store.idea_named(idea_name(name))) {
      refuse(MlflowCode::exists, "Experiment(name={}) already exists", brief(name));
    }
    idea.name = idea_name(name);
    idea.owner = call.caller.person.id;
    idea.why = "logged through MLflow's API";
    idea.created = unix_seconds();
    idea = call.store.add_idea(idea);
    note_name(call.store, idea, name);
    note_update(call, idea);
    call.fields.for_each("tags", [&](const RequestFields& tag) { set_tag_of_experiment(call, idea, tag); });
    decide(call, idea, "", "open", "an experiment, made through MLflow's API");
  });
  return mlflow_reply({{"experiment_id", experiment_id(idea)}});
}

ApiReply get_experiment(const TrackingCall& call) {
  const Idea idea = experiment_of(call, call.fields.id("experiment_id"), Act::read);
  return mlflow_reply({{"experiment", ExperimentView(call, idea).json()}});
}

ApiReply get_experiment_by_name(const TrackingCall& call) {
  const std::string name = asked_name(call, "experiment_name");
  std::optional<Idea> idea = experiment_named(call.store, name);
  if (!idea) refuse_attempt(call, "experiment " + brief(name));
  if (!idea && name == kDefaultIdea) idea = default_idea(call, Act::read);
  if (!idea || (call.caller.run == 0 && !may_see(call.caller, *idea))) {
    refuse(MlflowCode::no_such, "Could not find experiment with name {}", brief(name));
  }
  const Idea seen = experiment_of(call, experiment_id(*idea), Act::read);
  return mlflow_reply({{"experiment", ExperimentView(call, seen).json()}});
}

ApiReply search_experiments(const TrackingCall& call) {
  refuse_attempt(call, "all experiments");
  const auto page = result_page(call.fields.integer("max_results"), call.fields.text("page_token"), 1000, 50'000);
  const auto clauses = parse_filter(call.fields.text("filter").value_or(""), SearchSubject::experiments);
  std::vector<SortKey> keys;
  for (const std::string& key : call.fields.texts("order_by"))
    keys.push_back(parse_sort_key(key, SearchSubject::experiments));
  if (keys.empty()) keys.push_back({{SearchField::attribute, "creation_time"}, true});

  const std::vector<ExperimentView> views = seen_experiments(call, view_type(call.fields, "view_type"));
  std::vector<const Searchable*> found;
  for (const ExperimentView& view : views)
    if (matches(clauses, view)) found.push_back(&view);
  const std::vector<size_t> order = sorted_positions(found, keys);
  OrderedJson reply = {{"experiments", OrderedJson::array()}};
  size_t at = page.offset;
  for (; at < order.size() && at < page.offset + page.size; ++at)
    reply["experiments"].push_back(static_cast<const ExperimentView*>(found[order[at]])->json());
  if (at < order.size()) reply["next_page_token"] = std::to_string(at);
  return mlflow_reply(reply);
}

ApiReply list_experiments(const TrackingCall& call) {
  refuse_attempt(call, "all experiments");
  OrderedJson list = OrderedJson::array();
  for (const ExperimentView& view : seen_experiments(call, view_type(call.fields, "view_type")))
    list.push_back(view.json());
  return mlflow_reply({{"experiments", std::move(list)}});
}

ApiReply update_experiment(const TrackingCall& call) {
  const std::string name = asked_name(call, "new_name");
  call.store.write([&] {
    Idea idea = experiment_of(call, call.fields.id("experiment_id"), Act::change);
    if (is_deleted(call.store, idea)) refuse(MlflowCode::invalid, "Cannot rename a non-active experiment; restore it");
    if (idea.name == kDefaultIdea) refuse(MlflowCode::invalid, "experiment 0 keeps its name, by which clients find it");
    const std::optional<Idea> other = call.store.idea_named(idea_name(name));
    if (name == kDefaultIdea || (other && other->id != idea.id)) {
      refuse(MlflowCode::exists, "Experiment(name={}) already exists", brief(name));
    }
    idea.name = idea_name(name);
    call.store.update(idea);
    note_name(call.store, idea, name);
    note_update(call, idea);
  });
  return mlflow_reply(OrderedJson::object());
}

ApiReply delete_experiment(const TrackingCall& call) {
  call.store.write([&] {
    Idea idea = experiment_of(call, call.fields.id("experiment_id"), Act::change);
    if (idea.name == kDefaultIdea) refuse(MlflowCode::invalid, "experiment 0 is not deleted: clients expect it");
    if (is_deleted(call.store, idea)) refuse(MlflowCode::no_such, "No active experiment with id {} exists", idea.id);
    for (const Run& run : call.store.runs_of(idea.id)) {
      if (run.tracked || is_over(run.state)) continue;
      refuse(MlflowCode::invalid, "experiment {} has a scheduled run that is not over, {} ({}); stop it first", idea.id,
             run_name(run.id), name_of(run.state));
    }
    decide(call, idea, std::string(name_of(idea.state)), "closed", "deleted through MLflow's API");
    call.store.set_note("experiment", idea.id, "stage", "deleted");
    call.store.set_note("experiment", idea.id, "state", std::string(name_of(idea.state)));
    idea.state = IdeaState::closed;
    call.store.update(idea);
    note_update(call, idea);
  });
  return mlflow_reply(OrderedJson::object());
}

ApiReply restore_experiment(const TrackingCall& call) {
  call.store.write([&] {
    Idea idea = experiment_of(call, call.fields.id("experiment_id"), Act::change);
    if (!is_deleted(call.store, idea)) refuse(MlflowCode::no_such, "No deleted experiment with id {} exists", idea.id);
    const std::string state = call.store.note("experiment", idea.id, "state").value_or("open");
    idea.state = state == "parked" ? IdeaState::parked : state == "closed" ? IdeaState::closed : IdeaState::open;
    decide(call, idea, "closed", state, "restored through MLflow's API");
    call.store.drop_note("experiment", idea.id, "stage");
    call.store.drop_note("experiment", idea.id, "state");
    call.store.update(idea);
    note_update(call, idea);
  });
  return mlflow_reply(OrderedJson::object());
}

ApiReply set_experiment_tag(const TrackingCall& call) {
  call.store.write([&] {
    const Idea idea = experiment_of(call, call.fields.id("experiment_id"), Act::change);
    if (is_deleted(call.store, idea)) {
      refuse(MlflowCode::invalid, "The experiment {} must be in the 'active' state; restore it first", idea.id);
    }
    set_tag_of_experiment(call, idea, call.fields);
    note_update(call, idea);
  });
  return mlflow_reply(OrderedJson::object());
}

}  // namespace hadal::cluster
