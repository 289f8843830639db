// A server without a model: routes of a test's own over real sockets.
#include <gtest/gtest.h>

#include <thread>

#include "server/api_error.h"
#include "server/testing/test_client.h"

namespace hadal {
namespace {

std::string upload_request(const std::string& headers, const std::string& body = "",
                           const std::string& path = "/upload") {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body;
}

std::string with_length(const std::string& body, const std::string& more = "Connection: close\r\n") {
  return upload_request(more + "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}

class RoutesTest : public ServerTest {
 protected:
  RoutesTest() {
    add({.method = "GET", .path = "/thread/{name}", .handler = [this](const HttpRequest& r, Exchange& e) {
           quick_thread = std::this_thread::get_id();
           e.reply({200, "text/plain", r.parameter("name"), {}});
         }});
    add({.method = "POST", .path = "/slow", .slow = true, .handler = [this](const HttpRequest& r, Exchange& e) {
           slow_thread = std::this_thread::get_id();
           entered = true;
           released.get_future().wait();
           e.reply({200, "text/plain", r.body, {}});
         }});
    add({.method = "GET", .path = "/open", .auth = false, .handler = [](const HttpRequest&, Exchange& e) {
           e.reply({200, "text/plain", "open", {}});
         }});
    add({.method = "POST",
         .path = "/upload",
         .upload = true,
         .max_body_bytes = 4'000'000,
         .handler = [this](const HttpRequest& r, Exchange& e) {
           EXPECT_EQ(r.body, "");
           size_t bytes = 0, sum = 0;
           for (std::string piece; !(piece = e.read_body()).empty(); ++pieces) {
             bytes += piece.size();
             for (const unsigned char c : piece) sum += c;
             EXPECT_LE(piece.size(), size_t{64 << 10});
           }
           e.reply({201, "text/plain", std::to_string(bytes) + " bytes, sum " + std::to_string(sum), {}});
         }});
    add({.method = "POST", .path = "/unread", .upload = true, .handler = [](const HttpRequest&, Exchange&) {
           throw ApiError(409, "it is there already");
         }});
    add({.method = "GET", .path = "/stream", .slow = true, .handler = [](const HttpRequest& r, Exchange& e) {
           e.open_stream("application/x-lines", {{"Content-Disposition", "attachment"}});
           for (int i = 0; i < 3; ++i) e.send_bytes("line " + std::to_string(i) + "\n");
           if (r.query("fail")) throw Error("broken in the middle");
         }});
    add({.method = "GET", .path = "/large", .slow = true, .handler = [this](const HttpRequest&, Exchange& e) {
           e.open_stream("application/octet-stream");
           const std::string piece(100'000, 'x');
           while (e.send_bytes(piece)) sent += piece.size();
         }});
    add({.method = "GET", .path = "/events", .slow = true, .handler = [](const HttpRequest& r, Exchange& e) {
           e.open_events();
           const std::string last = r.header("Last-Event-ID");
           for (int i = last.empty() ? 0 : std::stoi(last) + 1; i < 3; ++i)
             e.send_event({.data = "x", .name = "step", .id = std::to_string(i)});
         }});
    add({.method = "GET",
         .path = "/endless",
         .slow = true,
         .endless = true,
         .handler = [this](const HttpRequest&, Exchange& e) {
           e.open_events();
           for (int i = 0; e.send_event({.data = std::to_string(i)}); ++i)
             std::this_thread::sleep_for(std::chrono::milliseconds(5)), entered = true;
         }});
  }
  void add(Route route) { routes.push_back(std::move(route)); }

  std::thread::id quick_thread, slow_thread;
  std::promise<void> released;
  std::atomic<bool> entered = false;
  std::atomic<int> pieces = 0;
  std::atomic<size_t> sent = 0;
};

TEST_F(RoutesTest, AServerNeedsNoModel) {
  start_alone();
  EXPECT_NE(ask(get("/health")).find(R"({"status":"ok"})"), std::string::npos);
  EXPECT_TRUE(ask(get("/thread/a%20b")).ends_with("\r\n\r\na b"));
  EXPECT_TRUE(ask(get("/v1/models")).starts_with("HTTP/1.1 404 "));
  EXPECT_NE(ask("DELETE /open HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                .find("Allow: GET, HEAD, OPTIONS\r\n"),
            std::string::npos);
}

TEST_F(RoutesTest, OpenRoutesNeedNoKey) {
  options.api_keys = {"key"};
  start_alone();
  EXPECT_TRUE(ask(get("/open")).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(ask(get("/thread/x")).starts_with("HTTP/1.1 401 "));
  EXPECT_TRUE(ask(get("/nowhere")).starts_with("HTTP/1.1 401 "));
  EXPECT_TRUE(ask(with_length("x")).starts_with("HTTP/1.1 401 "));
  EXPECT_EQ(pieces, 0);
  EXPECT_TRUE(
      ask("GET /open HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 403 "));
}

TEST_F(RoutesTest, SlowHandlersKeepNoOtherWaiting) {
  start_alone();
  RawClient slow(server->port());
  slow.send(upload_request("Connection: close\r\nContent-Length: 5\r\n", "hello", "/slow"));
  ASSERT_TRUE(eventually([&] { return entered.load(); }));
  EXPECT_TRUE(ask(get("/thread/x")).starts_with("HTTP/1.1 200 "));
  released.set_value();
  EXPECT_TRUE(slow.read_all().ends_with("hello"));
  EXPECT_NE(quick_thread, slow_thread);
}

TEST_F(RoutesTest, AStreamWithoutAnEndEndsWithTheServer) {
  options.shutdown_ms = 600'000;  // what ends by itself has that long
  start_alone();
  RawClient client(server->port());
  client.send(get("/endless"));
  ASSERT_TRUE(eventually([&] { return entered.load(); }));
  const auto begin = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

TEST_F(RoutesTest, UploadsAreReadInPieces) {
  options.max_body_bytes = 1000;  // of other routes
  start_alone();
  const std::string body(3'000'000, 'a');
  const std::string sum = "3000000 bytes, sum " + std::to_string(3'000'000 * size_t{'a'});
  EXPECT_TRUE(ask(with_length(body)).ends_with(sum));
  EXPECT_GE(pieces, 3'000'000 / (64 << 10));
  EXPECT_TRUE(ask(with_length("")).ends_with("0 bytes, sum 0"));
  EXPECT_TRUE(ask(upload_request("Connection: close\r\n")).ends_with("0 bytes, sum 0"));
  std::string chunked;
  for (int i = 0; i < 100; ++i) chunked += "3\r\nbcd\r\n";
  const std::string reply =
      ask(upload_request("Connection: close\r\nTransfer-Encoding: chunked\r\n", chunked + "0\r\n\r\n"));
  EXPECT_TRUE(reply.ends_with("300 bytes, sum " + std::to_string(100 * ('b' + 'c' + 'd')))) << reply;
}

TEST_F(RoutesTest, UploadsComeAsTheyAreSentAndLeaveTheConnectionOpen) {
  start_alone();
  RawClient client(server->port());
  client.send(upload_request("Expect: 100-continue\r\nContent-Length: 6\r\n"));
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  ASSERT_TRUE(eventually([&] { return pieces == 1; }));
  client.send("def" + get("/open"));
  const std::string replies = client.read_all();
  EXPECT_NE(replies.find("6 bytes"), std::string::npos) << replies;
  EXPECT_TRUE(replies.ends_with("open")) << replies;
}

TEST_F(RoutesTest, UploadsHaveALimitOfTheirOwn) {
  start_alone();
  EXPECT_TRUE(ask(upload_request("Content-Length: 4000001\r\n")).starts_with("HTTP/1.1 413 "));
  std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n", body;
  for (int i = 0; i < 64; ++i) body += chunk;
  const std::string reply = ask(upload_request("Transfer-Encoding: chunked\r\n", body + "0\r\n\r\n"));
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 413 ")) << reply;
  EXPECT_NE(reply.find("4000000 bytes"), std::string::npos) << reply;
  EXPECT_TRUE(ask(upload_request("Transfer-Encoding: chunked\r\n", "xyz\r\n")).starts_with("HTTP/1.1 400 "));
}

TEST_F(RoutesTest, AnAnswerBeforeTheBodyEndsTheConnection) {
  start_alone();
  const std::string reply = ask(upload_request("Content-Length: 2000000\r\n", std::string(2'000'000, 'x'), "/unread"));
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 409 ")) << reply;
  EXPECT_NE(reply.find("Connection: close\r\n"), std::string::npos) << reply;
  EXPECT_EQ(ask(upload_request("Expect: 100-continue\r\nContent-Length: 5\r\n", "", "/unread")).find("100 Continue"),
            std::string::npos);
}

TEST_F(RoutesTest, AHandlerLearnsThatItsUploaderHasGone) {
  std::atomic<bool> refused = false;
  add({.method = "POST", .path = "/gone", .upload = true, .handler = [&](const HttpRequest&, Exchange& e) {
         try {
           while (!e.read_body().empty()) ++pieces;
         } catch (const ApiError&) {
           refused = e.client_gone();
           throw;
         }
       }});
  start_alone();
  RawClient client(server->port());
  client.send(upload_request("Content-Length: 100\r\n", "half", "/gone"));
  ASSERT_TRUE(eventually([&] { return pieces == 1; }));
  client.hang_up();
  EXPECT_TRUE(eventually([&] { return refused.load(); }));
}

TEST_F(RoutesTest, StreamsMayBeOfAnyType) {
  start_alone();
  const std::string reply = ask(get("/stream"));
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 ")) << reply;
  EXPECT_NE(reply.find("Content-Type: application/x-lines\r\n"), std::string::npos) << reply;
  EXPECT_NE(reply.find("Content-Disposition: attachment\r\n"), std::string::npos) << reply;
  EXPECT_NE(reply.find("line 2\n"), std::string::npos) << reply;
  EXPECT_TRUE(reply.ends_with("\r\n0\r\n\r\n")) << reply;
  const std::string old = ask("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.ends_with("\r\n\r\nline 0\nline 1\nline 2\n")) << old;
  EXPECT_FALSE(ask(get("/stream?fail=1")).ends_with("0\r\n\r\n"));  // not whole, or a 500
  const std::string head = ask("HEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/open"));
  EXPECT_NE(head.find("application/x-lines"), std::string::npos) << head;
  EXPECT_EQ(head.find("line 0"), std::string::npos) << head;
  EXPECT_TRUE(head.ends_with("open")) << head;
}

TEST_F(RoutesTest, AStreamWaitsForItsClientAndEndsWithIt) {
  start_alone();
  RawClient client(server->port());
  client.send(get("/large"));
  client.read_until("xxxx");
  // Nobody reads on: what is under way fills the buffers and no more is made.
  ASSERT_TRUE(eventually([&] {
    const size_t before = sent;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return before == sent;
  }));
  client.hang_up();
  stop();  // returns when the handler has
}

TEST_F(RoutesTest, EventsGoOnBehindTheLastOne) {
  start_alone();
  const std::string all = ask(get("/events"));
  EXPECT_NE(all.find("event: step\nid: 0\ndata: x\n\n"), std::string::npos) << all;
  const std::string rest = ask(get("/events", "Last-Event-ID: 0\r\nConnection: close\r\n"));
  EXPECT_EQ(rest.find("id: 0\n"), std::string::npos) << rest;
  EXPECT_NE(rest.find("id: 1\n"), std::string::npos) << rest;
}

}  // namespace
}  // namespace hadal
