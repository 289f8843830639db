#include "server/http/gate.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

const char* const kMethods = "GET, HEAD, POST, OPTIONS";

int status(const Gate& gate, HttpRequest request) {
  auto refusal = gate.refuse(request, true);
  return refusal ? refusal->status : 200;
}

HttpRequest ask(std::string host, std::string origin = "", std::string authorization = "") {
  return {"POST", "/v1/chat/completions", std::move(host), std::move(origin), std::move(authorization), ""};
}

TEST(Gate, KnowsLoopbackNames) {
  for (const char* host : {"localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:80", "127.8.9.1", "[::1]",
                           "[::1]:8080", "localhost:", "localhost:65535"})
    EXPECT_TRUE(is_loopback_host(host)) << host;
  for (const char* host : {"",
                           "evil.example",
                           "127.0.0.1.evil.example",
                           "127.evil.0.1",
                           "localhost.evil.example",
                           "[::2]",
                           "[::1]x",
                           "0.0.0.0",
                           "128.0.0.1",
                           "127.0.0.1:80@evil.com",
                           "localhost:evil.com",
                           "localhost:80:80",
                           "localhost:+80",
                           "localhost:80 ",
                           "localhost:65536",
                           "user@localhost",
                           "[::1]:evil.com",
                           "[::1]:80@evil.com",
                           "[::1",
                           "127.0.0.256",
                           "127.0.0.1@evil.com:80",
                           ":80",
                           "::1"})
    EXPECT_FALSE(is_loopback_host(host)) << host;
}

TEST(Gate, KeepsForeignPagesOut) {
  Gate gate({}, {"http://localhost:3000"}, true, kMethods);
  EXPECT_EQ(status(gate, ask("127.0.0.1:8080")), 200);
  EXPECT_EQ(status(gate, ask("rebound.example:8080")), 403);
  EXPECT_EQ(status(gate, ask("127.0.0.1:80@evil.com")), 403);
  EXPECT_EQ(status(gate, ask("127.0.0.1:8080", "http://127.0.0.1:8080")), 200);
  EXPECT_EQ(status(gate, ask("127.0.0.1:8080", "http://127.0.0.1:9999")), 403);
  EXPECT_EQ(status(gate, ask("127.0.0.1:8080", "https://evil.example")), 403);
  EXPECT_EQ(status(gate, ask("127.0.0.1:8080", "null")), 403);
  EXPECT_EQ(status(gate, ask("127.0.0.1:8080", "http://localhost:3000")), 200);
}

TEST(Gate, AsksForTheKey) {
  Gate gate({"first", "second"}, {}, false, kMethods);
  EXPECT_EQ(status(gate, ask("example.org")), 401);
  EXPECT_EQ(status(gate, ask("example.org", "", "Bearer wrong")), 401);
  EXPECT_EQ(status(gate, ask("example.org", "", "Bearer firs")), 401);
  EXPECT_EQ(status(gate, ask("example.org", "", "Bearer firstfirst")), 401);
  EXPECT_EQ(status(gate, ask("example.org", "", "Bearer ")), 401);
  EXPECT_EQ(status(gate, ask("example.org", "", "first")), 401);
  EXPECT_EQ(status(gate, ask("example.org", "", "Bearer first")), 200);
  EXPECT_EQ(status(gate, ask("example.org", "", "bearer  second")), 200);
  EXPECT_EQ(status(gate, ask("example.org", "", "Basic YW55b25lOmZpcnN0")), 200);  // anyone:first
  EXPECT_EQ(status(gate, ask("example.org", "", "Basic YW55b25lOm5v")), 401);      // anyone:no
}

TEST(Gate, AnOpenRouteAsksForNoKeyAndStillKeepsForeignPagesOut) {
  Gate gate({"key"}, {}, true, kMethods);
  EXPECT_FALSE(gate.refuse(ask("localhost"), false));
  EXPECT_EQ(gate.refuse(ask("localhost"), true)->status, 401);
  EXPECT_EQ(gate.refuse(ask("rebound.example"), false)->status, 403);
  EXPECT_EQ(gate.refuse(ask("localhost", "https://evil.example"), false)->status, 403);
}

TEST(Gate, ReadsBasicWithAndWithoutPaddingAndNothingElse) {
  Gate gate({"k", "ke", "key"}, {}, false, kMethods);
  for (const char* pair : {"OmtleQ==", "OmtleQ", "Omtl", "Oms=", "Oms", "YTpr"})  // ":key", ":ke", ":k", "a:k"
    EXPECT_EQ(status(gate, ask("h", "", std::string("Basic ") + pair)), 200) << pair;
  for (const char* pair : {"", "=", "====", "O", "OmtleQ==x", "Omt leQ==", "Omtl*Q==", "a2V5"})  // the last is "key"
    EXPECT_EQ(status(gate, ask("h", "", std::string("Basic ") + pair)), 401) << pair;
}

TEST(Gate, AsksABrowserForThePageKey) {
  Gate gate({"key"}, {}, false, kMethods);
  HttpRequest page{"GET", "/", "example.org", "", "", ""};
  auto refusal = gate.refuse(page, true);
  ASSERT_TRUE(refusal);
  ASSERT_EQ(refusal->headers.size(), 1u);
  EXPECT_TRUE(refusal->headers[0].second.starts_with("Basic"));
}

TEST(Gate, GivesCorsToAllowedOriginsOnly) {
  Gate gate({"key"}, {"http://a.example"}, false, kMethods);
  EXPECT_TRUE(gate.cors_headers(ask("h", "http://b.example")).empty());
  EXPECT_TRUE(gate.cors_headers(ask("h")).empty());
  EXPECT_EQ(gate.cors_headers(ask("h", "http://a.example"))[0].second, "http://a.example");
  HttpRequest preflight{"OPTIONS", "/v1/models", "h", "http://a.example", "", ""};
  EXPECT_EQ(status(gate, preflight), 200);
  EXPECT_EQ(status(gate, ask("h", "http://a.example")), 401);
}

std::string header(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return "";
}

TEST(Gate, AStarAllowsEveryPageAndNoForeignHost) {
  Gate gate({}, {"*"}, true, kMethods);
  EXPECT_EQ(status(gate, ask("localhost", "http://a.example")), 200);
  EXPECT_EQ(status(gate, ask("localhost", "null")), 200);
  EXPECT_EQ(status(gate, ask("rebound.example", "http://a.example")), 403);
  EXPECT_EQ(header(gate.cors_headers(ask("h", "http://a.example")), "Access-Control-Allow-Origin"), "http://a.example");
}

TEST(Gate, APreflightGetsWhatItAsksFor) {
  Gate gate({}, {"http://a.example"}, true, kMethods);
  HttpRequest preflight{"OPTIONS", "/v1/models", "localhost", "http://a.example", ""};
  preflight.asked_headers = "x-stainless-os, content-type";
  EXPECT_EQ(header(gate.cors_headers(preflight), "Access-Control-Allow-Headers"), "x-stainless-os, content-type");
  EXPECT_EQ(header(gate.cors_headers(preflight), "Access-Control-Allow-Private-Network"), "");
  preflight.asks_private_network = true;
  EXPECT_EQ(header(gate.cors_headers(preflight), "Access-Control-Allow-Private-Network"), "true");
  preflight.asked_headers = "x\"<y>";
  EXPECT_EQ(header(gate.cors_headers(preflight), "Access-Control-Allow-Headers"), "Authorization, Content-Type");
}

TEST(Gate, OriginsAreReadAsPeopleWriteThem) {
  EXPECT_EQ(normal_origin("HTTP://LocalHost:3000/"), "http://localhost:3000");
  EXPECT_EQ(normal_origin("*"), "*");
  EXPECT_EQ(normal_origin("null"), "null");
  for (const char* bad : {"", "localhost:3000", "http://", "http://a.example/path", "http://*.example",
                          "https://a.example,https://b.example"}) {
    EXPECT_THROW(normal_origin(bad), Error) << bad;
  }
}

TEST(Gate, WithoutAHostItIsNoBrowser) { EXPECT_EQ(status(Gate({}, {}, true, kMethods), ask("")), 200); }

}  // namespace
}  // namespace hadal
