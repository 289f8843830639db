#include "base/json.h"
#include "base/text.h"
#include "cluster/tracking/artifact_folder.h"
#include "cluster/tracking/endpoints.h"
#include "cluster/tracking/mlflow_error.h"
#include "cluster/tracking/views.h"

namespace hadal::cluster {
namespace {

ArtifactFolder folder_of(const TrackingCall& call, const Run& run) {
  return ArtifactFolder(run_folder(call, run), run.tracked);
}

OrderedJson file_json(const std::string& path, const ArtifactFolder::Entry& entry) {
  OrderedJson file = {{"path", path}, {"is_dir", entry.is_folder}};
  if (!entry.is_folder) file["file_size"] = entry.bytes;
  return file;
}

// "EXPERIMENT/RUN/artifacts/a/b", as a run's artifact_uri has it.
struct ArtifactPlace {
  Run run;
  ArtifactPath path;
};
ArtifactPlace artifact_place(const TrackingCall& call, std::string_view text, Act act) {
  ArtifactPath parts = artifact_path(text);
  if (parts.size() < 3 || parts[2] != "artifacts") {
    refuse(MlflowCode::invalid, "Invalid path {}: expected EXPERIMENT/RUN/artifacts, as in the run's artifact_uri",
           brief(text));
  }
  const Run run = run_of(call, parts[1], act);
  const std::optional<Idea> idea = call.store.idea(run.idea);
  if (!idea || (parts[0] != experiment_id(*idea) && parts[0] != std::to_string(idea->id))) {
    refuse(MlflowCode::no_such, "run {} is not of experiment {}", parts[1], brief(parts[0]));
  }
  parts.erase(parts.begin(), parts.begin() + 3);
  return {run, std::move(parts)};
}

// The request's body, in pieces however it came.
std::function<std::string()> body_of(const ApiRequest& request) {
  if (request.read) return request.read;
  return [&request, sent = false]() mutable { return std::exchange(sent, true) ? std::string() : request.body; };
}

ApiReply list_place(const TrackingCall& call) {
  const auto place = artifact_place(call, call.fields.text("path").value_or(""), Act::read);
  OrderedJson files = OrderedJson::array();
  for (const auto& entry : folder_of(call, place.run).list(place.path)) files.push_back(file_json(entry.name, entry));
  return mlflow_reply({{"files", std::move(files)}});
}

}  // namespace

ApiReply list_artifacts(const TrackingCall& call) {
  const Run run = run_asked(call, Act::read);
  std::string root = call.fields.text("path").value_or("");
  const ArtifactPath path = artifact_path(root);
  OrderedJson files = OrderedJson::array();
  root.clear();
  for (const std::string& part : path) root += part + "/";
  for (const auto& entry : folder_of(call, run).list(path)) files.push_back(file_json(root + entry.name, entry));
  return mlflow_reply({{"root_uri", RunView(call, run).info()["artifact_uri"]}, {"files", std::move(files)}});
}

ApiReply answer_artifacts(const TrackingCall& call, std::string_view path) {
  const std::string& method = call.request.method;
  if (path.empty() && method == "GET") return list_place(call);
  if (method == "GET" || method == "HEAD") {
    const auto place = artifact_place(call, path, Act::read);
    ApiReply reply;
    reply.content_type = "application/octet-stream";  // never a page that a browser would show as ours
    reply.read = folder_of(call, place.run).read(place.path);
    return reply;
  }
  if (method != "PUT" && method != "DELETE") {
    refuse(MlflowCode::no_endpoint, "mlflow-artifacts: expected GET, PUT or DELETE, found {}", brief(method));
  }
  const auto place = artifact_place(call, path, Act::change);
  check_fence(call);
  if (method == "DELETE") {
    folder_of(call, place.run).remove(place.path);
  } else {
    check_active(call.store, place.run);
    folder_of(call, place.run).write(place.path, body_of(call.request));
  }
  return mlflow_reply(OrderedJson::object());
}

}  // namespace hadal::cluster
