// The server over real sockets: what a client sees on the wire.
#include "server/server.h"

#include <gtest/gtest.h>

#include "server/http/outbox.h"
#include "server/testing/test_client.h"

namespace hadal {
namespace {

TEST_F(ServerTest, AnswersOverHttp) {
  start();
  std::string reply = ask(get("/health"));
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK\r\n")) << reply;
  EXPECT_NE(reply.find("\"status\":\"ok\""), std::string::npos);
  EXPECT_NE(ask(post_chat("hello", false)).find("\"content\":\"hello\""), std::string::npos);
  EXPECT_TRUE(ask(get("/none")).starts_with("HTTP/1.1 404 "));
}

TEST_F(ServerTest, KeepsConnectionsAndPipelines) {
  start();
  RawClient client(server->port());
  client.send(post_chat("first", false, "") + post_chat("second", true, "") + get("/health"));
  std::string reply = client.read_all();
  size_t first = reply.find("\"content\":\"first\""), done = reply.find("data: [DONE]\n\n\r\n0\r\n\r\n");
  size_t health = reply.find("\"status\":\"ok\"");
  EXPECT_TRUE(first < done && done < health && health != std::string::npos) << reply;
}

TEST_F(ServerTest, HeadHasNoBody) {
  start();
  std::string reply = ask("HEAD /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK\r\n")) << reply;
  EXPECT_TRUE(reply.ends_with("\r\n\r\n")) << reply;
  EXPECT_EQ(reply.find("Content-Length: 0"), std::string::npos);
}

TEST_F(ServerTest, StreamsEachPieceAtOnce) {
  backend.token_ms = 300;
  start();
  RawClient client(server->port());
  client.send(post_chat("abc", true));
  std::string head = client.read_until("\"content\":\"a\"");
  EXPECT_NE(head.find("Content-Type: text/event-stream"), std::string::npos);
  EXPECT_EQ(head.find("\"content\":\"c\""), std::string::npos);  // still to be made
  std::string rest = client.read_all();
  EXPECT_NE(rest.find("\"content\":\"c\""), std::string::npos);
  EXPECT_TRUE(rest.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n")) << rest;
}

TEST_F(ServerTest, SendsCommentsWhileItWaits) {
  backend.first_token_ms = 900;
  options.keep_alive_ms = 100;
  start();
  RawClient client(server->port());
  client.send(post_chat("a", true));
  EXPECT_NE(client.read_until(": still at work\n\n").find("200 OK"), std::string::npos);
  EXPECT_EQ(backend.finished, 0);
  EXPECT_NE(client.read_all().find("[DONE]"), std::string::npos);
}

TEST_F(ServerTest, FailureHasItsStatusAlsoInAStream) {
  start();
  EXPECT_TRUE(ask(post_chat(std::string(200, 'x'), true)).starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(ask(post_chat("break", true)).starts_with("HTTP/1.1 500 "));
}

TEST_F(ServerTest, FailureInMidStreamIsItsLastEvent) {
  start();
  std::string reply =
      ask(post_chat("ab\x01"
                    "cd",
                    true));
  EXPECT_NE(reply.find("\"content\":\"b\""), std::string::npos) << reply;
  EXPECT_NE(reply.find("data: {\"error\":{"), std::string::npos) << reply;
  EXPECT_EQ(reply.find("[DONE]"), std::string::npos);
  EXPECT_TRUE(reply.ends_with("\r\n0\r\n\r\n"));
}

// The connection may look between the last two words of the thread that generates.
TEST(Outbox, AReplyIsNotTakenBeforeTheEnd) {
  Outbox box([] {});
  box.open_events();
  box.send_event({"a"});
  box.reply({.status = 500, .content_type = "text/plain", .body = "broken", .headers = {}});
  const Outbox::State early = box.take();
  EXPECT_EQ(early.bytes, "data: a\n\n");
  EXPECT_FALSE(early.finished);
  box.finish();
  const Outbox::State last = box.take();
  EXPECT_TRUE(last.finished);
  EXPECT_EQ(last.stream, Outbox::Stream::events);
  EXPECT_TRUE(last.bytes.empty());
  ASSERT_TRUE(last.reply);
  EXPECT_EQ(last.reply->body, "broken");
}

TEST_F(ServerTest, ClientThatHangsUpCancels) {
  backend.token_ms = 5;
  backend.context = 100'000;
  start();
  for (bool stream : {true, false}) {
    RawClient client(server->port());
    client.send(post_chat(std::string(5000, 'x'), stream));
    ASSERT_TRUE(eventually([&] { return backend.started == (stream ? 1 : 2); }));
    client.hang_up();
    EXPECT_TRUE(eventually([&] { return backend.cancelled == (stream ? 1 : 2); }));
  }
}

TEST_F(ServerTest, ServesManyAtOnceUpToItsLimit) {
  backend.token_ms = 50;
  options.max_running = 4;
  start();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send(post_chat("0123456789", false));
  }
  ASSERT_TRUE(eventually([&] { return backend.started == 4; }));
  EXPECT_EQ(backend.finished, 0);  // all four run at the same time
  std::string busy = ask(post_chat("fifth", false));
  EXPECT_TRUE(busy.starts_with("HTTP/1.1 503 ")) << busy;
  EXPECT_NE(busy.find("Retry-After: "), std::string::npos);
  EXPECT_TRUE(ask(get("/health")).starts_with("HTTP/1.1 200 "));
  for (auto& client : clients) EXPECT_NE(client->read_all().find("\"content\":\"0123456789\""), std::string::npos);
}

TEST_F(ServerTest, BoundsSizesAndTimes) {
  options.max_body_bytes = 1000;
  options.header_timeout_ms = 100;
  options.first_byte_timeout_ms = 100;
  start();
  std::string large = ask(post_chat(std::string(2000, 'x'), false));
  EXPECT_TRUE(large.starts_with("HTTP/1.1 413 ")) << large;
  EXPECT_NE(large.find("\"error\""), std::string::npos);
  EXPECT_TRUE(ask(get("/health", "X: " + std::string(80'000, 'x') + "\r\n")).starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_EQ(ask("GET /health HT"), "");  // and the connection ends, though the client waits
  EXPECT_EQ(ask(""), "");
}

TEST_F(ServerTest, ContinuesAClientThatAsksFirst) {
  start();
  RawClient client(server->port());
  std::string request = post_chat("hello", false, "Connection: close\r\nExpect: 100-continue\r\n");
  size_t body = request.find("\r\n\r\n") + 4;
  client.send(request.substr(0, body));
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
  client.send(request.substr(body));
  EXPECT_NE(client.read_all().find("\"content\":\"hello\""), std::string::npos);
}

TEST_F(ServerTest, KeepsOthersOut) {
  options.api_keys = {"key"};
  start();
  EXPECT_TRUE(ask(get("/")).starts_with("HTTP/1.1 401 "));
  EXPECT_TRUE(ask(get("/health", "Connection: close\r\nAuthorization: Bearer key\r\n")).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(ask("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 403 "));
  // Refused before the body is read, and the refusal arrives although the body was sent.
  EXPECT_TRUE(ask(post_chat(std::string(2'000'000, 'x'), false)).starts_with("HTTP/1.1 401 "));
}

TEST_F(ServerTest, FinishesWhatIsInFlightWhenItStops) {
  backend.token_ms = 30;
  start();
  int port = server->port();
  RawClient idle(port), busy(port);
  idle.send(get("/health", ""));
  idle.read_until("\"ok\"");
  busy.send(post_chat("0123456789", true));
  ASSERT_TRUE(eventually([&] { return backend.started == 1; }));
  stop();
  EXPECT_EQ(backend.finished, 1);
  EXPECT_NE(busy.read_all().find("[DONE]"), std::string::npos);
  EXPECT_EQ(idle.read_all(), "");
}

TEST_F(ServerTest, StopsWithNothingInFlight) {
  start();
  stop();
  EXPECT_FALSE(running.valid());
}

std::string refusal(ServerOptions options) {
  try {
    Server server(options, {});
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(ServerOptionsTest, RefusesWhatCannotBe) {
  ServerOptions options;
  options.port = 0;
  EXPECT_EQ(refusal(options), "");
  options.host = "not an address";
  EXPECT_NE(refusal(options).find("not an address"), std::string::npos);
  options.host = "0.0.0.0";
  EXPECT_NE(refusal(options).find("API key"), std::string::npos);
  options.api_keys = {""};
  EXPECT_NE(refusal(options).find("empty"), std::string::npos);
  options.api_keys = {"key"};
  EXPECT_EQ(refusal(options), "");
  options.host = "127.0.0.1";
  options.port = 70'000;
  EXPECT_NE(refusal(options).find("70000"), std::string::npos);
}

TEST(ServerOptionsTest, SaysWhenThePortIsTaken) {
  ServerOptions options;
  options.port = 0;
  Server first(options, {});
  EXPECT_EQ(first.url(), "http://127.0.0.1:" + std::to_string(first.port()));
  options.port = first.port();
  EXPECT_NE(refusal(options).find("taken"), std::string::npos);
}

}  // namespace
}  // namespace hadal
