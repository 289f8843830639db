#include "cli/cluster_routes.h"

#include "base/error.h"
#include "base/text.h"
#include "server/api_error.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxBodyBytes = 64 << 20;             // of a submission with its files
constexpr uint64_t kMaxUploadBytes = uint64_t{1} << 40;  // of an artifact, which is never in memory whole

// "" where there is none.
std::string bearer_token(const std::string& authorization) {
  const size_t space = authorization.find(' ');
  if (space == std::string::npos || lower_case(authorization.substr(0, space)) != "bearer") return "";
  const size_t begin = authorization.find_first_not_of(' ', space), end = authorization.find_last_not_of(' ');
  return begin == std::string::npos ? "" : authorization.substr(begin, end + 1 - begin);
}

void send(cluster::ApiReply reply, Exchange& exchange) {
  if (!reply.read) {
    HttpReply whole{reply.status, std::move(reply.content_type), std::move(reply.body), {}};
    if (whole.status == 401) whole.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"Hadal\"");
    return exchange.reply(std::move(whole));
  }
  // What somebody uploaded is never shown as a page of this server's.
  exchange.open_stream(std::move(reply.content_type), {{"Content-Disposition", "attachment"}});
  for (std::string piece; !(piece = reply.read()).empty();)
    if (!exchange.send_bytes(piece)) return;
}

Handler handler_of(std::function<cluster::Daemon*()> daemon, bool upload) {
  return [daemon = std::move(daemon), upload](const HttpRequest& request, Exchange& exchange) {
    cluster::ApiRequest asked{.who = {request.peer_uid, bearer_token(request.authorization)},
                              .method = request.method == "HEAD" ? "GET" : request.method,
                              .path = request.path(),
                              .query = request.queries(),
                              .body = request.body};
    if (!request.content_encoding.empty())
      throw ApiError(415, fmt::format("Content-Encoding: expected none, found {}", brief(request.content_encoding)));
    if (upload) asked.read = [&exchange] { return exchange.read_body(); };
    cluster::Daemon* there = daemon();
    if (there == nullptr) throw ApiError(503, "the cluster's daemon is starting; try again in a moment");
    send(cluster::answer(*there, asked), exchange);
  };
}

}  // namespace

std::vector<Route> cluster_routes(std::function<cluster::Daemon*()> daemon) {
  std::vector<Route> routes;
  const auto add = [&](const std::string& method, const std::string& path, bool upload = false) {
    routes.push_back({.method = method,
                      .path = path,
                      .slow = true,
                      .upload = upload,
                      .max_body_bytes = upload ? kMaxUploadBytes : kMaxBodyBytes,
                      .handler = handler_of(daemon, upload)});
  };
  for (const char* method : {"GET", "POST", "DELETE"}) add(method, "/api/cluster/{path...}");
  for (const char* method : {"GET", "POST", "PATCH", "DELETE"}) add(method, "/api/2.0/{path...}");
  add("PUT", "/api/2.0/{path...}", true);
  return routes;
}

}  // namespace hadal
