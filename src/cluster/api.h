// What the daemon answers over HTTP, free of sockets: `cli` gives each of its paths a route, and its own verbs, the
// page and MLflow's clients ask. JSON in and out.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace hadal::cluster {

class Daemon;

// Who asks: the kernel says so on the Unix socket, a token elsewhere.
struct Credentials {
  std::optional<uid_t> uid;  // of the peer of a Unix socket
  std::string token;         // of "Authorization: Bearer"
};

struct ApiRequest {
  Credentials who;
  std::string method, path;  // decoded, without the query: "/api/cluster/runs/r12"
  std::map<std::string, std::string, std::less<>> query;
  std::string body;
  std::function<std::string()> read = {};  // of a PUT: the body in pieces in place of `body`; "" at its end
};

struct ApiReply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::function<std::string()> read = {};  // the body in pieces in place of `body`; "" at its end
};

// Paths of the cluster's own API, below /api/cluster:
//   POST submit                                  a Submission (daemon.h) ->
//   {"idea","run","state","position","starts_within_s"} GET  ideas ?mine=1 &state=S                  -> {"ideas":[...]}
//   POST ideas                                   {"name","why","private"}
//   GET  ideas/NAME   GET runs/rN                as `hadal idea show --json`
//   POST runs/rN/stop|suspend|resume             {"why"}
//   POST ideas/NAME/promote|grant|park|close     {"why", "to", "slots", "until"}; also baseline
//   GET  runs/rN/log ?from=BYTE                  -> {"text","next","more"}: more: the run is not over
//   GET  runs/rN/metrics ?key=K &from=STEP       -> {"points":[[step, value, tokens, time], ...]}
//   GET  compare ?runs=r1,r2 &metric=K           the runs' metric and the spread of seeds
//   GET  status   GET queue   GET decisions ?after=ID    GET ledger ?by=person|idea|run
//   POST users  {"name","unix","lead"} -> {"name","token"}    DELETE users/NAME    GET whoami
//   GET  check                                   the store's invariants, counted
// and MLflow's REST below /api/2.0/mlflow and /api/2.0/mlflow-artifacts (tracking/tracking.h). Errors of the former:
// {"error": TEXT} with 400, 401, 403, 404, 409, 413, 507.
ApiReply answer(Daemon& daemon, const ApiRequest& request);

}  // namespace hadal::cluster
