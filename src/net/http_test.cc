#include "net/http.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/un.h>

#include "base/testing/scratch.h"
#include "net/testing/test_server.h"

namespace hadal::net {
namespace {

using test::Connection;
using test::error_of;
using test::Request;
using test::Server;

HttpOptions quick() {
  HttpOptions options;
  options.connect_timeout_ms = 5000;
  options.stall_timeout_ms = 5000;
  options.direct = true;
  return options;
}

struct Answer {
  TransferReply reply;
  std::string body;
};

Answer send(HttpSession& session, TransferRequest request) {
  Answer answer;
  request.body = [&](std::string_view piece) {
    answer.body += piece;
    return true;
  };
  answer.reply = session.send(request);
  return answer;
}

// An address with its port in place of the server's own name.
std::string at(const std::string& host, const Server& server) {
  const std::string url = server.url();
  return "http://" + host + url.substr(url.rfind(':'));
}

void echo(Connection& c, const Request& r) { c.reply(200, "Content-Type: text/plain\r\n", r.method + " " + r.body); }

TEST(Http, SendsBodiesWholeAndInPieces) {
  Server server(echo);
  HttpSession http(quick());
  EXPECT_EQ(send(http, {.url = server.url("/"), .method = "POST", .content = "hello"}).body, "POST hello");
  EXPECT_EQ(send(http, {.url = server.url("/"), .method = "POST"}).body, "POST ");
  EXPECT_EQ(send(http, {.url = server.url("/"), .method = "PUT", .content = "x"}).body, "PUT x");
  EXPECT_EQ(send(http, {.url = server.url("/"), .method = "DELETE"}).body, "DELETE ");
  for (const int64_t bytes : {int64_t{-1}, int64_t{2'000'000}}) {
    int left = 20;
    TransferRequest request{.url = server.url("/"), .method = "POST", .content_bytes = bytes};
    request.next_content = [&] { return left-- > 0 ? std::string(100'000, static_cast<char>('a' + left)) : ""; };
    const std::string body = send(http, request).body;
    EXPECT_EQ(body.size(), 2'000'005u) << bytes;
    EXPECT_EQ(body.substr(0, 6), "POST t");
    EXPECT_EQ(body.back(), 'a');
  }
  TransferRequest broken{.url = server.url("/"), .method = "POST"};
  broken.next_content = []() -> std::string { fail("the file ended"); };
  EXPECT_EQ(error_of([&] { http.send(broken); }), "the file ended");
}

TEST(Http, HeadHasNoBody) {
  Server server([](Connection& c, const Request&) {
    c.send("HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 9\r\n\r\n");
  });
  HttpSession http(quick());
  const Answer answer = send(http, {.url = server.url("/"), .method = "HEAD"});
  EXPECT_EQ(answer.reply.number("content-length"), 9);
  EXPECT_EQ(answer.reply.peer, "127.0.0.1");
  EXPECT_EQ(server.requests()[0].method, "HEAD");
}

TEST(Http, TheBodyComesInPiecesAndCanBeStopped) {
  std::atomic<bool> first_read = false;
  Server server([&](Connection& c, const Request&) {
    c.send("HTTP/1.1 200 X\r\nConnection: close\r\n\r\nfirst");
    while (!first_read) std::this_thread::yield();
    c.send("second");
    c.hang();
  });
  HttpSession http(quick());
  TransferRequest request{.url = server.url("/")};
  std::string body;
  request.body = [&](std::string_view piece) {
    body += piece;
    first_read = true;
    return body != "firstsecond";
  };
  EXPECT_EQ(http.send(request).status, 200);
  EXPECT_EQ(body, "firstsecond");
}

TEST(Http, IsCancelledWhileNothingComes) {
  Server server([](Connection& c, const Request&) { c.hang(); });
  HttpSession http(quick());
  TransferRequest request{.url = server.url("/")};
  request.stopped = [] { return true; };
  EXPECT_EQ(http.send(request).status, 0);
}

TEST(Http, SizesAreCapped) {
  Server server([](Connection& c, const Request&) { c.reply(200, "", std::string(1000, 'x')); });
  HttpSession http(quick());
  EXPECT_EQ(send(http, {.url = server.url("/"), .max_bytes = 1000}).body.size(), 1000u);
  EXPECT_HAS(error_of([&] { send(http, {.url = server.url("/"), .max_bytes = 999}); }), "at most 999 bytes");
}

// 64 KiB of zeros in the 96 bytes that gzip makes of them.
std::string zeros_in_gzip() {
  std::string gzip;
  for (const int c :
       {0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 2, 0xff, 0xed, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90, 0xfe, 0xaf, 0xee, 8, 10})
    gzip += static_cast<char>(c);
  gzip += std::string(63, '\0');
  for (const int c : {0x6a, 0xeb, 0x8e, 0x97, 0xd7, 0, 0, 1, 0}) gzip += static_cast<char>(c);
  return gzip;
}

TEST(Http, CompressedBodiesAreCappedAsTheyUnfold) {
  const std::string gzip = zeros_in_gzip();
  Server server([&](Connection& c, const Request& r) {
    EXPECT_EQ(r.header("accept-encoding"), "gzip, deflate");
    c.reply(200, "Content-Encoding: gzip\r\n", gzip);
  });
  HttpSession http(quick());
  EXPECT_EQ(send(http, {.url = server.url("/"), .compressed = true, .max_bytes = 65536}).body,
            std::string(65536, '\0'));
  EXPECT_HAS(error_of([&] { send(http, {.url = server.url("/"), .compressed = true, .max_bytes = 10'000}); }),
             "at most 10000 bytes");
}

TEST(Http, TheWholeExchangeHasATimeLimit) {
  Server drip([](Connection& c, const Request&) {
    c.send("HTTP/1.1 200 X\r\nConnection: close\r\n\r\n");
    while (c.send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  HttpSession http(quick());
  EXPECT_HAS(error_of([&] { send(http, {.url = drip.url("/"), .max_ms = 200}); }), "within 0.2 s");
}

TEST(Http, RedirectsAreListedAndBodiesNeverRepeated) {
  Server server([](Connection& c, const Request& r) {
    if (r.target == "/c") return c.reply(200, "", "there");
    c.reply(302, std::string("X-Hop: ") + r.target + "\r\nLocation: " + (r.target == "/a" ? "/b" : "c") + "\r\n",
            "gone");
  });
  HttpSession http(quick());
  const Answer answer = send(http, {.url = server.url("/a")});
  EXPECT_EQ(answer.body, "there");
  EXPECT_EQ(answer.reply.url, server.url("/c"));
  ASSERT_EQ(answer.reply.redirects.size(), 2u);
  EXPECT_EQ(answer.reply.redirects[0].header("x-hop"), "/a");
  EXPECT_EQ(answer.reply.redirects[1].url, server.url("/b"));
  EXPECT_HAS(error_of([&] { send(http, {.url = server.url("/a"), .method = "POST", .content = "x"}); }), "redirection");
}

TEST(Http, ARedirectsPageIsNotReadWithoutEnd) {
  Server server([](Connection& c, const Request&) {
    c.send("HTTP/1.1 302 X\r\nLocation: /\r\nConnection: close\r\n\r\n");
    while (c.send(std::string(10'000, 'x'))) {
    }
  });
  HttpSession http(quick());
  EXPECT_HAS(error_of([&] { send(http, {.url = server.url("/")}); }), "64 KiB");
}

// What the guard was asked, and what it refuses.
struct Guard {
  std::vector<std::string> asked;
  std::string refused;
  HttpOptions options() {
    HttpOptions out = quick();
    out.direct = false;
    out.guard = [this](const Address& address, const std::string& host) -> std::string {
      asked.push_back(host + " " + address.text());
      return address.text() == refused ? "it is private" : "";
    };
    return out;
  }
};

TEST(Guard, RefusesAnAddressBeforeItIsConnectedTo) {
  Server server(echo);
  Guard guard{.refused = "127.0.0.1"};
  HttpSession http(guard.options());
  const auto fetch = [&](const std::string& url) { send(http, {.url = url}); };
  EXPECT_THROW(fetch(server.url("/")), AddressRefused);
  for (const char* name : {"127.1", "0x7f000001", "2130706433", "localhost"})
    EXPECT_THROW(fetch(at(name, server)), Error) << name;
  EXPECT_EQ(server.requests().size(), 0u);
  EXPECT_HAS(error_of([&] { fetch(server.url("/")); }), "127.0.0.1: it is private");
}

TEST(Guard, EveryHopMeetsIt) {
  Server inner(echo);
  Server outer([&](Connection& c, const Request&) { c.reply(302, "Location: " + at("127.0.0.2", inner) + "/\r\n"); });
  Guard guard{.refused = "127.0.0.2"};
  HttpSession http(guard.options());
  EXPECT_THROW(send(http, {.url = outer.url("/")}), AddressRefused);
  EXPECT_EQ(inner.requests().size(), 0u);
  EXPECT_EQ(guard.asked, (std::vector<std::string>{"127.0.0.1 127.0.0.1", "127.0.0.2 127.0.0.2"}));
}

// The name resolves to another address the second time: what counts is the one that is connected to.
TEST(Guard, ANameThatChangesItsAddressGetsNoFurther) {
  Server server(echo);
  Guard guard{.refused = "127.0.0.1"};
  HttpOptions options = guard.options();
  const std::string url = at("rebound.example", server), port = url.substr(url.rfind(':') + 1);
  options.resolve = {"rebound.example:" + port + ":127.0.0.1"};
  HttpSession http(options);
  EXPECT_THROW(send(http, {.url = url}), AddressRefused);
  EXPECT_EQ(guard.asked, std::vector<std::string>{"rebound.example 127.0.0.1"});
  options.resolve = {"rebound.example:" + port + ":127.0.0.1,127.0.0.2"};  // each of its addresses is judged
  HttpSession both(options);
  guard.asked.clear();
  EXPECT_THROW(send(both, {.url = url}), Error);  // nothing listens there
  EXPECT_EQ(guard.asked.size(), 2u);
  EXPECT_EQ(server.requests().size(), 0u);
}

TEST(Guard, LetsPassAndUsesNoProxy) {
  Server server(echo), proxy([](Connection&c, const Request&) { c.reply(200, "", "the proxy"); });
  Guard guard;
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  HttpSession guarded(guard.options());
  EXPECT_EQ(send(guarded, {.url = server.url("/")}).body, "GET ");
  HttpOptions options = quick();
  options.direct = false;
  HttpSession plain(options);
  EXPECT_EQ(send(plain, {.url = server.url("/")}).body, "the proxy");
  options.direct = true;
  HttpSession direct(options);
  EXPECT_EQ(send(direct, {.url = server.url("/")}).body, "GET ");
  ::unsetenv("http_proxy");
}

TEST(Guard, ItsExceptionsPassThrough) {
  Server server(echo);
  HttpOptions options = quick();
  options.guard = [](const Address&, const std::string&) -> std::string { fail("the list cannot be read"); };
  HttpSession http(options);
  EXPECT_EQ(error_of([&] { send(http, {.url = server.url("/")}); }), "the list cannot be read");
}

TEST(AddressTest, IsShownAsItIsWritten) {
  EXPECT_EQ((Address{.bytes = {10, 0, 0, 1}}).text(), "10.0.0.1");
  Address v6{.v6 = true};
  v6.bytes[15] = 1;
  EXPECT_EQ(v6.text(), "::1");
}

// Only the connection goes there: the URL says what is asked.
TEST(Http, GoesThroughAUnixSocket) {
  const hadal::test::ScratchFolder folder;
  const std::string file = folder / "socket";
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  file.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  std::string asked;
  std::thread server([&] {
    const int fd = ::accept(listener, nullptr, nullptr);
    char piece[1024];
    while (asked.find("\r\n\r\n") == std::string::npos) {
      const ssize_t n = ::recv(fd, piece, sizeof piece, 0);
      if (n <= 0) break;
      asked.append(piece, static_cast<size_t>(n));
    }
    const std::atomic<bool> stop = false;
    Connection(fd, stop).reply(200, "", "from the file");
    ::close(fd);
  });
  HttpOptions options = quick();
  options.unix_socket = file;
  HttpSession session(options);
  EXPECT_EQ(send(session, {.url = "http://cluster/a?b=c"}).body, "from the file");
  server.join();
  ::close(listener);
  EXPECT_HAS(asked, "GET /a?b=c HTTP/1.1\r\nHost: cluster\r\n");
  EXPECT_THROW(HttpSession(options).send({.url = "http://cluster/"}), TransferError);
}

}  // namespace
}  // namespace hadal::net
