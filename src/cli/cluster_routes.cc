#include "cli/cluster_routes.h"

#include "base/error.h"
#include "base/text.h"
#include "cluster/daemon.h"
#include "cluster/page.h"
#include "server/api_error.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxQuestionBytes = 1 << 20;          // of what comes with a GET
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

// Whether it is worth reading what they send; answer() says why not.
bool is_known(cluster::Daemon& daemon, const cluster::Credentials& who) {
  try {
    daemon.caller(who);
    return true;
  } catch (const Error&) {
    return false;
  }
}

enum class Body { none, whole, in_pieces };

Handler handler_of(std::function<cluster::Daemon*()> daemon, Body body) {
  return [daemon = std::move(daemon), body](const HttpRequest& request, Exchange& exchange) {
    cluster::ApiRequest asked{.who = {request.peer_uid, bearer_token(request.authorization)},
                              .method = request.method == "HEAD" ? "GET" : request.method,
                              .path = request.path(),
                              .query = request.queries(),
                              .body = request.body};
    if (!request.content_encoding.empty())
      throw ApiError(415, fmt::format("Content-Encoding: expected none, found {}", brief(request.content_encoding)));
    cluster::Daemon* there = daemon();
    if (there == nullptr) throw ApiError(503, "the cluster's daemon is starting; try again in a moment");
    if (body == Body::in_pieces) asked.read = [&exchange] { return exchange.read_body(); };
    if (body == Body::whole && is_known(*there, asked.who))
      for (std::string piece; !(piece = exchange.read_body()).empty();) asked.body += piece;
    send(cluster::answer(*there, asked), exchange);
  };
}

}  // namespace

std::vector<Route> cluster_routes(std::function<cluster::Daemon*()> daemon) {
  std::vector<Route> routes;
  const auto add = [&](const std::string& method, const std::string& path, Body body) {
    routes.push_back({.method = method,
                      .path = path,
                      .slow = true,
                      .upload = body != Body::none,
                      .max_body_bytes = body == Body::none    ? kMaxQuestionBytes
                                        : body == Body::whole ? cluster::kMaxSubmissionBytes
                                                              : kMaxUploadBytes,
                      .handler = handler_of(daemon, body)});
  };
  // Bodies are read by the handler, once it knows who sends them.
  for (const char* path : {"/api/cluster/{path...}", "/api/2.0/{path...}"}) {
    add("GET", path, Body::none);
    for (const char* method : {"POST", "DELETE"}) add(method, path, Body::whole);
  }
  add("PATCH", "/api/2.0/{path...}", Body::whole);
  add("PUT", "/api/2.0/{path...}", Body::in_pieces);
  // The page holds nothing of the cluster; what it asks for carries its reader's token.
  routes.push_back({.method = "GET", .path = "/", .handler = [](const HttpRequest&, Exchange& exchange) {
                      exchange.reply({200,
                                      "text/html; charset=utf-8",
                                      std::string(cluster::cluster_page()),
                                      {{"X-Frame-Options", "DENY"}, {"Referrer-Policy", "no-referrer"}}});
                    }});
  return routes;
}

}  // namespace hadal
