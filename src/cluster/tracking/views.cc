#include "cluster/tracking/views.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "cluster/supervisor/secrets.h"

namespace hadal::cluster {
namespace {

void hide_secrets(std::vector<NamedText>& notes) {
  for (NamedText& note : notes)
    if (is_secret_key(note.name)) note.value = kHiddenValue;
}

OrderedJson pairs_json(const std::vector<NamedText>& notes) {
  OrderedJson out = OrderedJson::array();
  for (const NamedText& note : notes) out.push_back({{"key", note.name}, {"value", note.value}});
  return out;
}

SearchValue value_in(const std::vector<NamedText>& notes, const std::string& name) {
  for (const NamedText& note : notes)
    if (note.name == name) return note.value;
  return {};
}

std::optional<int64_t> note_number(const std::string& text) {
  int64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

SearchValue search_value(std::optional<int64_t> number) {
  if (!number) return {};
  return static_cast<double>(*number);
}

// A run that is scheduled: MLflow's SCHEDULED is all that waits.
std::string_view mlflow_status(RunState state) {
  switch (state) {
    case RunState::running:
    case RunState::suspending:
      return "RUNNING";
    case RunState::done:
      return "FINISHED";
    case RunState::failed:
      return "FAILED";
    case RunState::stopped:
      return "KILLED";
    default:
      return "SCHEDULED";
  }
}

}  // namespace

RunView::RunView(const TrackingCall& call, Run run) : store_(call.store), caller_(call.caller), run_(std::move(run)) {}

const std::vector<NamedText>& RunView::notes(const char* kind, std::optional<std::vector<NamedText>>& kept) const {
  if (!kept) {
    kept = store_.notes(kind, run_.id);
    if (run_.person != caller_.person.id) hide_secrets(*kept);
  }
  return *kept;
}

std::string RunView::field(const char* key) const {
  const SearchValue value = value_in(notes("run", fields_), key);
  const std::string* text = std::get_if<std::string>(&value);
  return text ? *text : "";
}

const std::vector<Store::MetricSummary>& RunView::metrics() const {
  if (!metrics_) metrics_ = store_.metric_summaries(run_.id);
  return *metrics_;
}

std::string RunView::status() const {
  const std::string noted = field("status");
  return noted.empty() ? std::string(mlflow_status(run_.state)) : noted;
}

std::optional<int64_t> RunView::start_time() const {
  if (const auto noted = note_number(field("start_time"))) return noted;
  const std::vector<Attempt> attempts = run_.tracked ? std::vector<Attempt>() : store_.attempts(run_.id);
  return to_ms(attempts.empty() || attempts[0].started == 0 ? run_.submitted : attempts[0].started);
}

std::optional<int64_t> RunView::end_time() const {
  if (const auto noted = note_number(field("end_time"))) return noted;
  if (run_.tracked || !is_over(run_.state)) return std::nullopt;
  const std::vector<Attempt> attempts = store_.attempts(run_.id);
  if (attempts.empty() || attempts.back().ended == 0) return std::nullopt;
  return to_ms(attempts.back().ended);
}

std::string RunView::name() const {
  const SearchValue tag = value_in(notes("tag", tags_), "mlflow.runName");
  const std::string* text = std::get_if<std::string>(&tag);
  return text ? *text : run_name(run_.id);
}

std::string RunView::experiment() const {
  if (!experiment_) {
    const std::optional<Idea> idea = store_.idea(run_.idea);
    experiment_ = idea ? experiment_id(*idea) : std::to_string(run_.idea);
  }
  return *experiment_;
}

std::string RunView::uri() const {
  return "mlflow-artifacts:/" + experiment() + "/" + run_name(run_.id) + "/artifacts";
}

SearchValue RunView::value_of(const SearchKey& key) const {
  switch (key.field) {
    case SearchField::metric:
      for (const Store::MetricSummary& metric : metrics())
        if (metric.key == key.name) return metric.last;
      return {};
    case SearchField::param:
      return value_in(notes("param", params_), key.name);
    case SearchField::tag:
      return value_in(notes("tag", tags_), key.name);
    case SearchField::dataset:
      return {};  // no run has one here
    case SearchField::attribute:
      break;
  }
  if (key.name == "start_time") return search_value(start_time());
  if (key.name == "end_time") return search_value(end_time());
  if (key.name == "run_id") return run_name(run_.id);
  if (key.name == "run_name") return name();
  if (key.name == "status") return status();
  if (key.name == "artifact_uri") return uri();
  if (key.name == "experiment_id") return experiment();
  if (key.name == "user_id") return info()["user_id"].get<std::string>();
  return {};
}

OrderedJson RunView::info() const {
  std::string user = field("user_id");
  if (user.empty()) {
    const std::optional<Person> person = store_.person(run_.person);
    user = person ? person->name : "";
  }
  OrderedJson out = {{"run_id", run_name(run_.id)},
                     {"run_uuid", run_name(run_.id)},
                     {"run_name", name()},
                     {"experiment_id", experiment()},
                     {"user_id", user},
                     {"status", status()}};
  if (const auto time = start_time()) out["start_time"] = *time;
  if (const auto time = end_time()) out["end_time"] = *time;
  out["artifact_uri"] = uri();
  out["lifecycle_stage"] = is_deleted(store_, run_) ? "deleted" : "active";
  return out;
}

OrderedJson RunView::json() const {
  OrderedJson list = OrderedJson::array();
  for (const Store::MetricSummary& metric : metrics()) {
    list.push_back({{"key", metric.key},
                    {"value", number_json(metric.last)},
                    {"timestamp", to_ms(metric.time)},
                    {"step", metric.step}});
  }
  return {{"info", info()},
          {"data",
           {{"metrics", std::move(list)},
            {"params", pairs_json(notes("param", params_))},
            {"tags", pairs_json(notes("tag", tags_))}}},
          {"inputs", OrderedJson::object()}};
}

ExperimentView::ExperimentView(const TrackingCall& call, Idea idea)
    : store_(call.store), caller_(call.caller), idea_(std::move(idea)) {}

const std::vector<NamedText>& ExperimentView::tags() const {
  if (!tags_) {
    tags_ = store_.notes("experiment_tag", idea_.id);
    if (idea_.owner != caller_.person.id) hide_secrets(*tags_);
  }
  return *tags_;
}

std::string ExperimentView::name() const { return store_.note("experiment", idea_.id, "name").value_or(idea_.name); }

int64_t ExperimentView::last_update() const {
  return note_number(store_.note("experiment", idea_.id, "last_update_time").value_or(""))
      .value_or(to_ms(idea_.created));
}

SearchValue ExperimentView::value_of(const SearchKey& key) const {
  if (key.field == SearchField::tag) return value_in(tags(), key.name);
  if (key.field != SearchField::attribute) return {};
  if (key.name == "name") return name();
  if (key.name == "experiment_id") return experiment_id(idea_);
  if (key.name == "creation_time") return static_cast<double>(to_ms(idea_.created));
  if (key.name == "last_update_time") return static_cast<double>(last_update());
  return {};
}

OrderedJson ExperimentView::json() const {
  return {{"experiment_id", experiment_id(idea_)},
          {"name", name()},
          {"artifact_location", "mlflow-artifacts:/" + experiment_id(idea_)},
          {"lifecycle_stage", is_deleted(store_, idea_) ? "deleted" : "active"},
          {"last_update_time", last_update()},
          {"creation_time", to_ms(idea_.created)},
          {"tags", pairs_json(tags())}};
}

}  // namespace hadal::cluster
