#include "server/http/route_table.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "server/api_error.h"
#include "server/testing/recorder.h"

namespace hadal {
namespace {

Route route(std::string method, std::string path, bool auth = true) {
  const std::string name = method + " " + path;
  return {.method = std::move(method),
          .path = std::move(path),
          .auth = auth,
          .handler = [name](const HttpRequest& request, Exchange& exchange) {
            std::string text = name;
            for (const auto& [key, value] : request.parameters) text += " " + key + "=" + value;
            exchange.reply({200, "text/plain", text, {}});
          }};
}

const RouteTable& table() {
  static const RouteTable kTable({route("GET", "/v1/files/{name...}"), route("GET", "/v1/runs/{id}"),
                                  route("DELETE", "/v1/runs/{id}"), route("GET", "/v1/runs/all"),
                                  route("POST", "/v1/runs/{id}/steps/{step}"), route("GET", "/open", false),
                                  route("GET", "/half", false), route("PUT", "/half"), route("GET", "/")});
  return kTable;
}

Recorder ask(const std::string& method, const std::string& target) {
  Recorder recorder;
  play(table(), {method, target, "", "", ""}, recorder);
  return recorder;
}

std::string answer(const std::string& method, const std::string& target) { return ask(method, target).whole.body; }

TEST(RouteTable, ParametersAreParts) {
  EXPECT_EQ(answer("GET", "/v1/runs/7"), "GET /v1/runs/{id} id=7");
  EXPECT_EQ(answer("GET", "/v1/runs/all"), "GET /v1/runs/all");  // fewer parameters
  EXPECT_EQ(answer("DELETE", "/v1/runs/all"), "DELETE /v1/runs/{id} id=all");
  EXPECT_EQ(answer("GET", "//v1/runs/a%20b/?x=1"), "GET /v1/runs/{id} id=a b");
  EXPECT_EQ(answer("POST", "/v1/runs/a/steps/b"), "POST /v1/runs/{id}/steps/{step} id=a step=b");
  EXPECT_EQ(answer("GET", "/v1/files/a"), "GET /v1/files/{name...} name=a");
  EXPECT_EQ(answer("GET", "/v1/files/a/b%2Fc"), "GET /v1/files/{name...} name=a/b/c");
  EXPECT_EQ(answer("GET", "/"), "GET /");
  for (const char* nowhere :
       {"/v1/files/", "/v1/files", "/v1/runs/", "/v1/runs/a/b", "/v1/runs/a%2Fb", "/v1", "/opened"})
    EXPECT_EQ(ask("GET", nowhere).whole.status, 404) << nowhere;
}

TEST(RouteTable, MethodsComeFromTheTable) {
  const auto allow = [](const std::string& method, const std::string& target) {
    const HttpReply reply = ask(method, target).whole;
    return std::to_string(reply.status) + " " + reply.headers.at(0).first + ": " + reply.headers.at(0).second;
  };
  EXPECT_EQ(allow("OPTIONS", "/v1/runs/7"), "204 Allow: GET, HEAD, DELETE, OPTIONS");
  EXPECT_EQ(allow("OPTIONS", "*"), "204 Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS");
  EXPECT_EQ(allow("POST", "/v1/runs/7"), "405 Allow: GET, HEAD, DELETE, OPTIONS");
  EXPECT_EQ(allow("HEAD", "/v1/runs/a/steps/b"), "405 Allow: POST, OPTIONS");
  EXPECT_EQ(answer("HEAD", "/v1/runs/7"), "GET /v1/runs/{id} id=7");
  EXPECT_NE(answer("GET", "/runs/7").find("did you mean /v1/runs/7?"), std::string::npos);
  EXPECT_EQ(answer("GET", "/run/7").find("did you mean"), std::string::npos);
}

TEST(RouteTable, WhatIsNotOpenAsksForTheKey) {
  const auto auth = [](const std::string& method, const std::string& target) {
    return table().match({method, target, "", "", ""}).auth;
  };
  EXPECT_FALSE(auth("GET", "/open"));
  EXPECT_FALSE(auth("HEAD", "/open"));
  EXPECT_FALSE(auth("OPTIONS", "/open"));
  EXPECT_FALSE(auth("GET", "/half"));
  EXPECT_TRUE(auth("PUT", "/half"));
  EXPECT_TRUE(auth("DELETE", "/half"));
  EXPECT_TRUE(auth("GET", "/nowhere"));
  EXPECT_TRUE(auth("OPTIONS", "*"));
}

TEST(RouteTable, HealthIsAlwaysThere) {
  EXPECT_EQ(answer("GET", "/health"), R"({"status":"ok"})");
  const RouteTable own({route("GET", "/health")});
  Recorder recorder;
  play(own, {"GET", "/health", "", "", ""}, recorder);
  EXPECT_EQ(recorder.whole.body, "GET /health");
}

TEST(RouteTable, WhatAHandlerThrowsIsItsAnswer) {
  const auto status = [](auto thrown) {
    const RouteTable one(
        {{.method = "GET", .path = "/x", .handler = [&](const HttpRequest&, Exchange&) { throw thrown; }}});
    Recorder recorder;
    play(one, {"GET", "/x", "", "", ""}, recorder);
    return recorder.whole.status;
  };
  EXPECT_EQ(status(ApiError(409, "twice")), 409);
  EXPECT_EQ(status(Error("broken")), 500);
  EXPECT_EQ(status(std::bad_alloc()), 503);
  EXPECT_EQ(status(std::runtime_error("secret")), 500);
}

TEST(RouteTable, QueriesAndHeadersAreRead) {
  HttpRequest request{"GET", "/x?a=1&b=%26+c&a=2&d&=e#f=g", "", "", ""};
  EXPECT_EQ(request.query("a"), "1");
  EXPECT_EQ(request.query("b"), "& c");
  EXPECT_EQ(request.query("d"), "");
  EXPECT_EQ(request.query("f"), std::nullopt);
  EXPECT_EQ(request.query("x"), std::nullopt);
  request.headers = {{"Last-Event-Id", "7"}};
  EXPECT_EQ(request.header("last-event-ID"), "7");
  EXPECT_EQ(request.header("last-event"), "");
}

}  // namespace
}  // namespace hadal
