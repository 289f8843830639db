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

// Paths of the cluster's own API, below /api/cluster. Times are seconds since 1970, what is not known is null.
//
//   POST submit
//        a Submission (daemon/submission.cc has its fields) -> {"idea","run","state","position","starts_within_s"}
//   GET  ideas ?mine=1 &state=open|parked|closed
//        {"ideas":[{"idea","owner","why","state","rung","runs","live","waiting","best","cost","baseline","private"}]}
//   POST ideas {"name","why","private"}
//   GET  ideas/NAME, GET runs/rN
//        as `hadal idea show --json`; an idea: its "runs", "grants" and "decisions"; a run, beside what that says:
//        "nodes","memory_bytes","recipe","command","seed","time_s","metric","held_out","length_tokens","submitted",
//        "tracked","by_person","folder","version","tokens","scores", and of a metrics.jsonl that is odd
//        "metrics_bad_lines","metrics_left_out" (points of keys written too often),"metrics_left_bytes"
//   POST runs/rN/stop|suspend|resume {"why"}
//        {"run","state","reason"}
//   POST ideas/NAME/park|close|open {"why"}; for leads: promote {"to","why"}, grant {"slots","until","why"},
//        baseline {"baseline","why"}. until: 2026-12-24 (to its end), 2026-12-24T18:00 (UTC), or seconds
//   GET  runs/rN/log ?from=BYTE
//        {"text","next","more"}; more: the run is not over
//   GET  runs/rN/metrics ?key=K &from=STEP
//        {"points":[[step, value, tokens, time], ...]}; without a key the one that the ladder compares
//   GET  compare ?runs=r1,r2 &metric=K
//        {"metric","runs":[{"run","idea","state","seed","rung","metric","last","best","step","tokens","cost"}],
//        "ideas":[{"idea","runs","mean","spread"}]}: spread over the runs of an idea, null for one
//   GET  status
//        {"slots":{"total","used","free_share"},"nodes":[{"node","slots","used","foreign","up","memory_bytes","runs":
//        [{"run","idea","person","state","slots","rung","since"}]}],"people":[{"person","lead","slots","running",
//        "waiting","core_hours"}],"queue","generation","cluster","url","time"}, and where something is wrong
//        "policy_error","backend_error","store_error"
//   GET  queue
//        {"queue":[{"position","run","idea","person","state","slots","nodes","rung","waits_s","starts_within_s",
//        "reason"}]}: the first 500 of the line, promises of the first 20
//   GET  decisions ?after=ID
//        {"decisions":[{"time","run","idea","kind","from","to","by","rule","reason"}],"last"}: 500 at most; `last` is
//        the next `after`. kind: state, rung, score, hold, claim, resume, grant, idea
//   GET  ledger ?by=person|idea|run
//        {"by","currency","rows":[{"person","idea","run","attempts","core_hours","joules","money","estimated"}],"total"}
//   POST users {"name","unix","lead"} -> {"name","unix","lead","token"}    DELETE users/NAME    GET whoami
//   GET  check
//        {"runs","attempts","decisions","core_hours","mistakes":[...]}: the invariants, over all that is stored
//
// and MLflow's REST below /api/2.0/mlflow and /api/2.0/mlflow-artifacts (tracking/tracking.h). Errors of the former:
// {"error": TEXT} with 400, 401, 403, 404, 409, 413, 503 (the backend cannot be asked), 507 (disk or store).
ApiReply answer(Daemon& daemon, const ApiRequest& request);

}  // namespace hadal::cluster
