// MLflow's REST API 2.0, so that programs log here by MLFLOW_TRACKING_URI alone. An experiment is an idea, a run from
// outside is tracked and not scheduled. https://mlflow.org/docs/2.0/rest-api.html
#pragma once

#include "cluster/api.h"

namespace hadal::cluster {

// Paths below /api/2.0/mlflow and /api/2.0/mlflow-artifacts. Errors have MLflow's shape: {"error_code","message"}.
ApiReply answer_mlflow(Daemon& daemon, const ApiRequest& request);

}  // namespace hadal::cluster
