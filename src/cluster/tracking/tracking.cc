#include "cluster/tracking/tracking.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "cluster/daemon/impl.h"
#include "cluster/tracking/endpoints.h"
#include "cluster/tracking/mlflow_error.h"

namespace hadal::cluster {
namespace {

constexpr std::string_view kMlflow = "/api/2.0/mlflow/", kArtifacts = "/api/2.0/mlflow-artifacts/artifacts";

struct EndpointRow {
  std::string_view method, path;
  ApiReply (*answer)(const TrackingCall& call);
};

constexpr std::array<EndpointRow, 24> kEndpoints = {{
    {"POST", "experiments/create", create_experiment},
    {"GET", "experiments/get", get_experiment},
    {"GET", "experiments/get-by-name", get_experiment_by_name},
    {"POST", "experiments/search", search_experiments},
    {"GET", "experiments/search", search_experiments},
    {"GET", "experiments/list", list_experiments},
    {"POST", "experiments/update", update_experiment},
    {"POST", "experiments/delete", delete_experiment},
    {"POST", "experiments/restore", restore_experiment},
    {"POST", "experiments/set-experiment-tag", set_experiment_tag},
    {"POST", "experimentsset-experiment-tag", set_experiment_tag},  // as the npm client 2.0.7 spells it
    {"POST", "runs/create", create_run},
    {"GET", "runs/get", get_run},
    {"POST", "runs/update", update_run},
    {"POST", "runs/delete", delete_run},
    {"POST", "runs/restore", restore_run},
    {"POST", "runs/search", search_runs},
    {"POST", "runs/log-metric", log_metric},
    {"POST", "runs/log-parameter", log_parameter},
    {"POST", "runs/log-batch", log_batch},
    {"POST", "runs/set-tag", set_tag},
    {"POST", "runs/delete-tag", delete_tag},
    {"GET", "metrics/get-history", metric_history},
    {"GET", "artifacts/list", list_artifacts},
}};

ApiReply answer_call(const TrackingCall& call) {
  const std::string_view path = call.request.path, method = call.request.method;
  if (path == kArtifacts) return answer_artifacts(call, "");
  if (path.starts_with(kArtifacts) && path[kArtifacts.size()] == '/')
    return answer_artifacts(call, path.substr(kArtifacts.size() + 1));
  if (path.starts_with(kMlflow)) {
    for (const EndpointRow& row : kEndpoints)
      if (row.path == path.substr(kMlflow.size()) && row.method == (method == "HEAD" ? "GET" : method))
        return row.answer(call);
  }
  refuse(MlflowCode::no_endpoint, "no endpoint {} {}; docs/tracking.md lists those that are here", method, brief(path));
}

}  // namespace

ApiReply mlflow_reply(const OrderedJson& json) {
  ApiReply reply;
  reply.body = dump_json(json);
  return reply;
}

ViewType view_type(const RequestFields& fields, std::string_view name) {
  const std::vector<std::string> asked = fields.texts(name);
  constexpr std::array<std::string_view, 3> kNames = {"ACTIVE_ONLY", "DELETED_ONLY", "ALL"};
  if (asked.empty()) return ViewType::active;
  for (size_t i = 0; i < kNames.size(); ++i)
    if (asked[0] == kNames[i] || asked[0] == std::to_string(i + 1)) return static_cast<ViewType>(i);
  refuse(MlflowCode::invalid, "Invalid value for parameter '{}': expected ACTIVE_ONLY, DELETED_ONLY or ALL, found {}",
         name, brief(asked[0]));
}

bool is_shown(ViewType view, bool deleted) { return view == ViewType::all || deleted == (view == ViewType::deleted); }

ApiReply answer_mlflow(Store& store, const Caller& caller, const Path& folder, const ApiRequest& request,
                       std::vector<int64_t>* changed) {
  std::vector<int64_t> ideas;
  try {
    const RequestFields fields(request);
    ApiReply reply = answer_call({store, caller, folder, request, fields, ideas});
    if (changed) *changed = std::move(ideas);
    return reply;
  } catch (const MlflowError& error) {
    return mlflow_error_reply(error.code, error.what());
  } catch (const std::exception& error) {
    return mlflow_error_reply(MlflowCode::internal, error.what());
  }
}

ApiReply answer_mlflow(Daemon& daemon, const ApiRequest& request) {
  try {
    const Caller caller = daemon.caller(request.who);
    Daemon::Impl& d = daemon.impl();
    std::vector<int64_t> changed;
    ApiReply reply = answer_mlflow(d.store, caller, d.options.folder, request, &changed);
    if (!changed.empty()) {
      const auto guard = d.enter();
      for (const int64_t id : changed)
        if (const std::optional<Idea> idea = d.store.idea(id)) d.ideas[id] = *idea;
      d.ladder_due = true;
    }
    return reply;
  } catch (const ApiError& error) {
    const MlflowCode code = error.status == 401   ? MlflowCode::unauthenticated
                            : error.status == 403 ? MlflowCode::denied
                                                  : MlflowCode::invalid;
    return mlflow_error_reply(code, error.what());
  } catch (const std::exception& error) {
    return mlflow_error_reply(MlflowCode::internal, error.what());
  }
}

}  // namespace hadal::cluster
