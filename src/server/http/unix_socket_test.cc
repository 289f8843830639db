// The server on a Unix socket: who asks, what becomes of the file.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/testing/scratch.h"
#include "server/testing/test_client.h"

namespace hadal {
namespace {

using test::error_of;
using test::ScratchFolder;

class UnixServerTest : public ServerTest {
 protected:
  UnixServerTest() {
    options.host = "";
    options.unix_socket = folder_.path() / "socket";
    routes = {{.method = "GET", .path = "/who", .handler = [](const HttpRequest& request, Exchange& exchange) {
                 const std::string who = request.peer_uid ? std::to_string(*request.peer_uid) : "nobody";
                 exchange.reply({200, "text/plain", "I am " + who});
               }}};
  }
  ~UnixServerTest() override { stop(); }
  std::string ask_there(const std::string& request) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    options.unix_socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      close(fd);
      return "nobody listens";
    }
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    std::string answer;
    char piece[4096];
    for (ssize_t n; (n = recv(fd, piece, sizeof piece, 0)) > 0;) answer.append(piece, static_cast<size_t>(n));
    close(fd);
    return answer;
  }
  bool is_there() const { return std::filesystem::is_socket(std::filesystem::symlink_status(options.unix_socket)); }
  ScratchFolder folder_;
};

TEST_F(UnixServerTest, TellsTheHandlerWhoAsks) {
  start_alone();
  EXPECT_EQ(server->port(), 0);
  EXPECT_EQ(server->url(), "unix:" + options.unix_socket.string());
  const std::string me = "I am " + std::to_string(getuid());
  EXPECT_NE(ask_there(get("/who")).find(me), std::string::npos);
  // Any name will do: a page of the browser does not come this way.
  EXPECT_NE(
      ask_there("GET /who HTTP/1.1\r\nHost: cluster.example\r\nOrigin: http://x.example\r\nConnection: close\r\n\r\n")
          .find(me),
      std::string::npos);
  stop();
  server.reset();
  EXPECT_FALSE(is_there());
}

TEST_F(UnixServerTest, ListensBesideTcp) {
  options.host = "127.0.0.1";
  options.api_keys = {"secret"};
  start_alone();
  EXPECT_NE(ask_there(get("/who")).find("200 OK"), std::string::npos);  // the kernel's word in place of a key
  EXPECT_TRUE(ask(get("/who")).starts_with("HTTP/1.1 401 "));
  EXPECT_NE(ask(get("/who", "Authorization: Bearer secret\r\nConnection: close\r\n")).find("I am nobody"),
            std::string::npos);
}

TEST_F(UnixServerTest, TheFileHasItsMode) {
  options.unix_mode = 0600;
  start_alone();
  struct stat found {};
  ASSERT_EQ(lstat(options.unix_socket.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(UnixServerTest, ReplacesAFileOnWhichNobodyListens) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);  // as a killed server leaves it
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  options.unix_socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
  ASSERT_TRUE(is_there());
  start_alone();
  EXPECT_NE(ask_there(get("/who")).find("200 OK"), std::string::npos);
}

TEST_F(UnixServerTest, LeavesASocketThatIsListenedOn) {
  start_alone();
  EXPECT_NE(error_of([&] { Server(options, routes); }).find("another program listens there"), std::string::npos);
  EXPECT_NE(ask_there(get("/who")).find("200 OK"), std::string::npos);
}

TEST_F(UnixServerTest, RefusesOtherFilesAndLongPaths) {
  write_file_whole(options.unix_socket, "mine");
  EXPECT_NE(error_of([&] { Server(options, routes); }).find("found another file"), std::string::npos);
  EXPECT_EQ(read_file(options.unix_socket), "mine");
  options.unix_socket = folder_.path() / std::string(200, 'x');
  EXPECT_NE(error_of([&] { Server(options, routes); }).find("shorter path"), std::string::npos);
  options.unix_socket.clear();
  EXPECT_NE(error_of([&] { Server(options, routes); }).find("address to listen on"), std::string::npos);
}

// Handlers that ask for tokens themselves need neither a key of the server's nor a name of its own.
TEST_F(UnixServerTest, HandlersMayAskThemselves) {
  options.host = "0.0.0.0";
  EXPECT_NE(error_of([&] { Server(options, routes); }).find("API key"), std::string::npos);
  options.handlers_ask = true;
  start_alone();
  EXPECT_NE(ask("GET /who HTTP/1.1\r\nHost: cluster.example\r\nConnection: close\r\n\r\n").find("I am nobody"),
            std::string::npos);
}

}  // namespace
}  // namespace hadal
