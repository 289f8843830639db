// The server over real sockets, for tests: a client of bytes, and a fixture with the echoing backend.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <future>

#include "base/json.h"
#include "server/openai_routes.h"
#include "server/page_routes.h"
#include "server/server.h"
#include "server/testing/test_backend.h"

namespace hadal {

class RawClient {
 public:
  explicit RawClient(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{10, 0};  // a test that hangs fails instead
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~RawClient() { hang_up(); }
  RawClient(const RawClient&) = delete;

  void hang_up() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void close_sending() { shutdown(fd_, SHUT_WR); }
  void send(std::string_view text) {
    while (!text.empty()) {
      ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      text.remove_prefix(n);
    }
  }
  // Reads until `end` has come, or to the end of the connection.
  std::string read_until(std::string_view end) {
    char piece[4096];
    while (end.empty() || text_.find(end) == std::string::npos) {
      ssize_t n = recv(fd_, piece, sizeof piece, 0);
      if (n <= 0) break;
      text_.append(piece, n);
    }
    return std::exchange(text_, "");
  }
  std::string read_all() { return read_until(""); }

 private:
  int fd_;
  std::string text_;
};

inline std::string get(const std::string& path, const std::string& headers = "Connection: close\r\n") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n";
}

inline std::string post_chat(const std::string& text, bool stream,
                             const std::string& headers = "Connection: close\r\n") {
  std::string body = Json{{"stream", stream}, {"messages", {{{"role", "user"}, {"content", text}}}}}.dump();
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline bool eventually(const std::function<bool()>& condition) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() { options.port = 0; }
  ~ServerTest() override { stop(); }
  void start() {
    for (auto& more : {openai_routes(backend, {.max_body_bytes = options.max_body_bytes}), page_routes()})
      routes.insert(routes.end(), more.begin(), more.end());
    start_alone();
  }
  void start_alone() {  // with `routes` and no model
    server = std::make_unique<Server>(options, routes);
    running = std::async(std::launch::async, [this] { server->run(); });
  }
  void stop() {
    if (server) server->stop();
    if (running.valid()) running.get();
  }
  std::string ask(const std::string& request) {
    RawClient client(server->port());
    client.send(request);
    return client.read_all();
  }
  ServerOptions options;
  std::vector<Route> routes;
  EchoBackend backend;
  std::unique_ptr<Server> server;
  std::future<void> running;
};

}  // namespace hadal
