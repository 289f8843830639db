// What HTTP clients of all kinds send, and how it is answered on the wire.
#include <gtest/gtest.h>

#include "server/exchange.h"
#include "server/http/request_head.h"
#include "server/testing/test_client.h"

namespace hadal {
namespace {

const char* const kBody = R"({"messages":[{"role":"user","content":"hello"}]})";

std::string post(const std::string& body, const std::string& headers, const std::string& version = "1.1") {
  return "POST /v1/chat/completions HTTP/" + version + "\r\n" + headers +
         "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string line(const std::string& text) { return text + "\r\nHost: localhost\r\nConnection: close\r\n\r\n"; }

// "400" and what the body says, for messages.
int status_of(const std::string& reply) { return reply.starts_with("HTTP/1.1 ") ? std::stoi(reply.substr(9)) : 0; }

TEST(HttpRequest, PathIsDecodedAndPlain) {
  const auto path = [](const char* target) { return HttpRequest{"GET", target, "", "", ""}.path(); };
  EXPECT_EQ(path("/health?x=/"), "/health");
  EXPECT_EQ(path("/v1/models/"), "/v1/models");
  EXPECT_EQ(path("//v1//models"), "/v1/models");
  EXPECT_EQ(path("/"), "/");
  EXPECT_EQ(path("//"), "/");
  EXPECT_EQ(path("/%76%31/models#x"), "/v1/models");
  EXPECT_EQ(path("/100%"), "/100%");
}

TEST(HttpRequest, SplitsTargetsInAbsoluteForm) {
  EXPECT_EQ(split_target("/a://b").authority, "");
  EXPECT_EQ(split_target("http://localhost:80/a?b").authority, "localhost:80");
  EXPECT_EQ(split_target("http://localhost:80/a?b").path, "/a?b");
  EXPECT_EQ(split_target("HTTPS://h?q").path, "/?q");
  EXPECT_EQ(split_target("http://h").path, "/");
  EXPECT_EQ(split_target("ftp://h/").authority, "");
}

TEST_F(ServerTest, Http10HasNoChunks) {
  start();
  std::string body = R"({"stream":true,"messages":[{"role":"user","content":"hello"}]})";
  const std::string reply =
      ask("POST /v1/chat/completions HTTP/1.0\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  const size_t end = reply.find("\r\n\r\n");
  EXPECT_EQ(status_of(reply), 200) << reply;
  EXPECT_EQ(reply.substr(0, end).find("chunked"), std::string::npos);
  EXPECT_TRUE(reply.substr(end + 4).starts_with("data: {")) << reply;
  EXPECT_TRUE(reply.ends_with("data: [DONE]\n\n")) << reply;
  RawClient kept(server->port());
  kept.send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_NE(kept.read_until("\"running\":0}").find("Connection: keep-alive"), std::string::npos);
  kept.send("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_EQ(status_of(kept.read_all()), 200);
}

TEST_F(ServerTest, RequestsOfAllFormsAreAnswered) {
  start();
  EXPECT_EQ(status_of(ask("GET /health HTTP/1.0\r\n\r\n")), 200);                          // no Host
  EXPECT_EQ(status_of(ask("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")), 200);     // a probe
  EXPECT_EQ(status_of(ask("GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n")), 400);  // RFC 9112, 3.2
  EXPECT_EQ(status_of(ask("\r\n" + get("/health"))), 200);
  EXPECT_EQ(status_of(ask("\r\n\r\n\n" + get("/health"))), 200);
  EXPECT_EQ(status_of(ask(line("GET http://localhost/health HTTP/1.1"))), 200);
  EXPECT_EQ(status_of(ask("GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")),
            403);
  EXPECT_EQ(status_of(ask(line("OPTIONS * HTTP/1.1"))), 204);
  EXPECT_EQ(status_of(ask(line("OPTIONS /v1/models HTTP/1.1"))), 204);
  EXPECT_EQ(status_of(ask(get("/v1/models/?limit=1"))), 200);
  EXPECT_EQ(status_of(ask(get("//v1//models"))), 200);
  EXPECT_EQ(status_of(ask("GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n")),
            400);
  const std::string hint = ask(line("POST /chat/completions HTTP/1.1"));
  EXPECT_EQ(status_of(hint), 404);
  EXPECT_NE(hint.find("/v1/chat/completions"), std::string::npos) << hint;
}

TEST_F(ServerTest, MalformedRequestsAreToldInPlainWords) {
  start();
  for (const auto& [request, status] : {std::pair(std::string("nonsense\r\n\r\n"), 400),
                                        {line("GET  HTTP/1.1"), 400},
                                        {line("GET /health HTTP/3.0"), 400},
                                        {line("GET health HTTP/1.1"), 400},
                                        {line("CONNECT localhost:80 HTTP/1.1"), 400},
                                        {line("OST /v1/chat/completions HTTP/1.1"), 405},
                                        {"GET /health HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n", 400},
                                        {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400},
                                        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
                                        {post(kBody, "Host: localhost\r\nContent-Length: 5\r\n"), 400},
                                        {post(kBody, "Host: localhost\r\nTransfer-Encoding: chunked\r\n"), 400},
                                        {post(kBody, "Host: localhost\r\nTransfer-Encoding: gzip\r\n"), 400},
                                        {post(kBody, "Host: localhost\r\nExpect: the unexpected\r\n"), 417},
                                        {post(kBody, "Host: localhost\r\nContent-Encoding: br\r\n"), 415},
                                        {"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
                                         "chunked\r\nConnection: close\r\n\r\nxyz\r\n\r\n",
                                         400},
                                        {"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, "
                                         "chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
                                         501}}) {
    const std::string reply = ask(request);
    EXPECT_EQ(status_of(reply), status) << request << "\n" << reply;
    EXPECT_NE(reply.find("{\"error\":{\"message\":\""), std::string::npos) << reply;
    for (const char* word : {"beast", "boost", "exception", "bad field", "bad method"})
      EXPECT_EQ(reply.find(word), std::string::npos) << reply;
  }
}

TEST_F(ServerTest, TwoLengthsOfABodyAreToldAsSuch) {
  start();
  for (const char* headers :
       {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"}) {
    const std::string reply =
        ask("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n0\r\n\r\n");
    EXPECT_EQ(status_of(reply), 400) << reply;
    EXPECT_NE(reply.find("Transfer-Encoding: expected no Content-Length beside it"), std::string::npos) << reply;
  }
}

TEST_F(ServerTest, AnAuthorityWithMoreThanAPortIsForeign) {
  start();
  for (const char* host : {"127.0.0.1:80@evil.com", "localhost:evil.com"}) {
    const std::string end = " HTTP/1.1\r\nConnection: close\r\nHost: ";
    EXPECT_EQ(status_of(ask("GET /v1/models" + end + host + "\r\n\r\n")), 403) << host;
    const std::string absolute = "GET http://" + std::string(host) + "/v1/models";
    EXPECT_EQ(status_of(ask(absolute + end + "localhost\r\n\r\n")), 403) << host;
  }
}

TEST_F(ServerTest, ReadsChunkedBodies) {
  start();
  const std::string reply = ask(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "10\r\n" +
      std::string(kBody).substr(0, 16) +
      "\r\n"
      "20;x=y\r\n" +
      std::string(kBody).substr(16) + "\r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_EQ(status_of(reply), 200) << reply;
}

TEST_F(ServerTest, CorsPreflightAllowsWhatThePageAsks) {
  options.allowed_origins = {"http://LocalHost:3000/"};
  start();
  const std::string preflight =
      "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: "
      "authorization,x-stainless-retry-count\r\nOrigin: ";
  const std::string allowed = ask(preflight + "http://localhost:3000\r\n\r\n");
  EXPECT_EQ(status_of(allowed), 204);
  EXPECT_NE(allowed.find("Access-Control-Allow-Origin: http://localhost:3000\r\n"), std::string::npos) << allowed;
  EXPECT_NE(allowed.find("Access-Control-Allow-Headers: authorization,x-stainless-retry-count\r\n"), std::string::npos)
      << allowed;
  const std::string other = ask(preflight + "http://localhost:3001\r\n\r\n");
  EXPECT_EQ(status_of(other), 403);
  EXPECT_EQ(other.find("Access-Control"), std::string::npos);
}

}  // namespace
}  // namespace hadal
