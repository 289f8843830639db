// Connections that say nothing, break off, half close or end with the server.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "server/testing/test_client.h"

namespace hadal {
namespace {

std::vector<std::unique_ptr<RawClient>> silent_clients(int port, int count) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < count; ++i) clients.push_back(std::make_unique<RawClient>(port));
  return clients;
}

TEST_F(ServerTest, SilentConnectionsKeepNobodyOut) {
  options.max_connections = 8;
  options.max_connections_per_address = 8;
  start();
  const auto silent = silent_clients(server->port(), 20);
  const auto slow = silent_clients(server->port(), 20);
  for (auto& client : slow)
    client->send("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(ask(get("/health")).starts_with("HTTP/1.1 200 "));
    EXPECT_NE(ask(post_chat("hello", false)).find("\"content\":\"hello\""), std::string::npos);
  }
}

TEST_F(ServerTest, TheLongestIdleConnectionMakesRoom) {
  options.max_connections = 2;
  start();
  RawClient a(server->port()), b(server->port());
  for (RawClient* client : {&a, &b}) {
    client->send(get("/health", ""));
    client->read_until("\"ok\"");
  }
  EXPECT_TRUE(ask(get("/health")).starts_with("HTTP/1.1 200 "));
  a.send(get("/health", ""));
  EXPECT_EQ(a.read_all().find("HTTP/1.1 200 "), std::string::npos);  // it was dropped
}

// One address alone is held to its share; connections on which a model answers are never dropped.
TEST_F(ServerTest, AnswersInFlightStayAndHealthAnswersBesideThem) {
  options.max_connections = 100;
  options.max_connections_per_address = 3;
  backend.token_ms = 20;
  start();
  std::vector<std::unique_ptr<RawClient>> busy = silent_clients(server->port(), 3);
  for (auto& client : busy) client->send(post_chat(std::string(90, 'x'), false));
  ASSERT_TRUE(eventually([&] { return backend.started == 3; }));
  const std::string refused = ask(post_chat("one more", false));
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 503 ")) << refused;
  EXPECT_NE(refused.find("Retry-After: "), std::string::npos);
  EXPECT_TRUE(ask(get("/health")).starts_with("HTTP/1.1 200 "));
  for (auto& client : busy) EXPECT_NE(client->read_all().find(std::string(90, 'x')), std::string::npos);
}

TEST_F(ServerTest, HalfClosedClientsAreAnswered) {
  backend.first_token_ms = 400;
  start();
  for (const bool stream : {false, true}) {
    RawClient client(server->port());
    client.send(post_chat("hello", stream));
    client.close_sending();
    const std::string reply = client.read_all();
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 ")) << reply;
    EXPECT_NE(reply.find(stream ? "[DONE]" : "\"content\":\"hello\""), std::string::npos) << reply;
  }
  RawClient health(server->port());
  health.send(get("/health", ""));
  health.close_sending();
  EXPECT_TRUE(health.read_all().starts_with("HTTP/1.1 200 "));
  RawClient wrong(server->port());
  wrong.send(post_chat(std::string(200, 'x'), false));  // longer than the context
  wrong.close_sending();
  EXPECT_TRUE(wrong.read_all().starts_with("HTTP/1.1 400 "));
}

// Whole and streamed answers in turn; a part of a request at the end gets none.
TEST_F(ServerTest, HalfClosedClientsGetAllThatTheyPipelined) {
  backend.first_token_ms = 20;
  backend.context = 100'000;
  start();
  for (const size_t padding : {size_t{0}, size_t{60'000}}) {  // all in one read, or most of it still in the socket
    const int started = backend.started;
    RawClient client(server->port());
    std::string requests;
    const std::string pad(padding + 1, '.');
    for (int i = 0; i < 20; ++i) {
      requests += post_chat(fmt::format("<{}>", i), i % 3 == 2, "") + "\r\n";
      if (i == 10) requests += post_chat(pad, false, "");
    }
    requests += "POST /v1/chat/compl";
    client.send(requests);
    client.close_sending();
    const std::string replies = client.read_all();
    size_t at = 0;
    for (int i = 0; i < 20; ++i) {
      // A streamed answer comes a character at a time.
      at = i % 3 == 2 ? replies.find("[DONE]", at) : replies.find(fmt::format("\"content\":\"<{}>\"", i), at);
      ASSERT_NE(at, std::string::npos) << i << " " << replies.substr(0, 10'000);
    }
    EXPECT_EQ(backend.started - started, 21);
  }
}

TEST_F(ServerTest, EmptyLinesDoNotProlongTheWaitForARequest) {
  options.first_byte_timeout_ms = 200;
  start();
  RawClient client(server->port());
  std::atomic<bool> ended = false;
  int num_lines = 0;
  std::thread sender([&] {
    for (; num_lines < 100 && !ended; ++num_lines) {
      client.send("\r\n");
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  EXPECT_EQ(client.read_all(), "");
  ended = true;
  sender.join();
  EXPECT_LT(num_lines, 100);
}

TEST_F(ServerTest, RequestsThatAreNotWholeEndWithTheServer) {
  start();
  const std::string whole = post_chat("hello", false, "");
  std::vector<std::unique_ptr<RawClient>> clients = silent_clients(server->port(), 4);
  clients[1]->send("POST /v1/chat/comp");
  clients[2]->send(whole.substr(0, whole.size() - 10));
  clients[3]->send(get("/health", ""));
  clients[3]->read_until("\"ok\"");
  const auto begin = std::chrono::steady_clock::now();
  stop();
  // Far below the time-outs of header and body, and above what any machine needs.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  for (auto& client : clients) EXPECT_EQ(client->read_all(), "");
  EXPECT_EQ(backend.started, 0);
}

TEST_F(ServerTest, AnswersThatTakeTooLongAreCutOffWhenItStops) {
  options.shutdown_ms = 50;
  backend.context = 1'000'000;
  backend.token_ms = 5;
  start();
  std::vector<std::unique_ptr<RawClient>> clients = silent_clients(server->port(), 2);
  for (const bool stream : {false, true}) clients[stream]->send(post_chat(std::string(100'000, 'x'), stream));
  ASSERT_TRUE(eventually([&] { return backend.started == 2; }));
  stop();  // the answers would take 500 s
  EXPECT_EQ(backend.cancelled, 2);
}

}  // namespace
}  // namespace hadal
