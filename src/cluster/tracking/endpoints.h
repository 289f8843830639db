// What each path of MLflow's API does. Each throws MlflowError.
#pragma once

#include <optional>

#include "base/json_fwd.h"
#include "cluster/tracking/call.h"

namespace hadal::cluster {

ApiReply mlflow_reply(const OrderedJson& json);

enum class ViewType { active, deleted, all };
ViewType view_type(const RequestFields& fields, std::string_view name);
bool is_shown(ViewType view, bool deleted);

ApiReply create_experiment(const TrackingCall& call);
ApiReply get_experiment(const TrackingCall& call);
ApiReply get_experiment_by_name(const TrackingCall& call);
ApiReply search_experiments(const TrackingCall& call);
ApiReply list_experiments(const TrackingCall& call);
ApiReply update_experiment(const TrackingCall& call);
ApiReply delete_experiment(const TrackingCall& call);
ApiReply restore_experiment(const TrackingCall& call);
ApiReply set_experiment_tag(const TrackingCall& call);

ApiReply create_run(const TrackingCall& call);
ApiReply get_run(const TrackingCall& call);
ApiReply update_run(const TrackingCall& call);
ApiReply delete_run(const TrackingCall& call);
ApiReply restore_run(const TrackingCall& call);
ApiReply search_runs(const TrackingCall& call);

ApiReply log_metric(const TrackingCall& call);
ApiReply log_parameter(const TrackingCall& call);
ApiReply log_batch(const TrackingCall& call);
ApiReply set_tag(const TrackingCall& call);
ApiReply delete_tag(const TrackingCall& call);
ApiReply metric_history(const TrackingCall& call);

ApiReply list_artifacts(const TrackingCall& call);
// Below mlflow-artifacts/artifacts; `path` is what stands behind that: "EXPERIMENT/RUN/artifacts/...".
ApiReply answer_artifacts(const TrackingCall& call, std::string_view path);

}  // namespace hadal::cluster
