// MLflow's REST API 2.0, so that programs log here by MLFLOW_TRACKING_URI alone. An experiment is an idea, a run from
// outside is tracked and not scheduled. https://mlflow.org/docs/2.0/rest-api.html
#pragma once

#include <cstdint>
#include <vector>

#include "base/files.h"
#include "cluster/api.h"

namespace hadal::cluster {

struct Caller;
class Store;

// Paths below /api/2.0/mlflow and /api/2.0/mlflow-artifacts. Errors have MLflow's shape: {"error_code","message"}.
ApiReply answer_mlflow(Daemon& daemon, const ApiRequest& request);

// The same without a daemon, for a caller who is known. `folder`: the cluster's; a run's files lie in its runs/rN/.
// `changed`: takes the ids of the ideas that were made or changed. Any thread. What a reply reads must be read before
// the store closes.
ApiReply answer_mlflow(Store& store, const Caller& caller, const Path& folder, const ApiRequest& request,
                       std::vector<int64_t>* changed = nullptr);

}  // namespace hadal::cluster
