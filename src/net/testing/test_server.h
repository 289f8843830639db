// A small HTTP server on 127.0.0.1 that does what a test tells it, right or wrong. One request a connection. Tests
// only.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"

namespace hadal::test {

struct Request {
  std::string method, target;                  // "GET", "/path?query"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

class Connection {
 public:
  Connection(int fd, const std::atomic<bool>& stop) : fd_(fd), stop_(stop) {}
  bool send(std::string_view bytes) {  // false: the other side is gone
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  void reply(int status, const std::string& headers = "", std::string_view body = "") {
    send(fmt::format("HTTP/1.1 {} X\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n", status, headers,
                     body.size()));
    send(body);
  }
  // As an honest server does it: ranges, and If-Range by the etag. `limit`: breaks off after so many bytes of the body.
  void serve(const Request& request, const std::string& content, const std::string& etag = "\"v1\"",
             size_t limit = SIZE_MAX) {
    size_t first = 0;
    const std::string range = request.header("range"), condition = request.header("if-range");
    const bool part = range.starts_with("bytes=") && (condition.empty() || condition == etag);
    if (part) first = std::stoull(range.substr(6));
    if (part && first >= content.size())
      return reply(416, fmt::format("Content-Range: bytes */{}\r\n", content.size()));
    std::string head = fmt::format("HTTP/1.1 {} X\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n",
                                   part ? 206 : 200);
    if (!etag.empty()) head += fmt::format("ETag: {}\r\n", etag);
    if (part) head += fmt::format("Content-Range: bytes {}-{}/{}\r\n", first, content.size() - 1, content.size());
    send(head + fmt::format("Content-Length: {}\r\n\r\n", content.size() - first));
    send(std::string_view(content).substr(first, limit));
  }
  void hang() const {
    while (!stop_) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }

 private:
  int fd_;
  const std::atomic<bool>& stop_;
};

class Server {
 public:
  using Handler = std::function<void(Connection&, const Request&)>;

  explicit Server(Handler handler) : handler_(std::move(handler)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    HADAL_CHECK(::bind(listener_, plain, size) == 0 && ::listen(listener_, 16) == 0 &&
                ::getsockname(listener_, plain, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { accept_all(); });
  }
  ~Server() {
    stop_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    for (auto& worker : workers_) worker.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url(const std::string& target = "") const { return fmt::format("http://127.0.0.1:{}{}", port_, target); }
  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  size_t count(const std::string& target) const {
    const auto all = requests();
    return static_cast<size_t>(
        std::count_if(all.begin(), all.end(), [&](const Request& r) { return r.target == target; }));
  }

 private:
  void accept_all() {
    for (int fd; (fd = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      workers_.emplace_back([this, fd] {
        Connection connection(fd, stop_);
        if (const auto request = read_request(fd); !request.target.empty()) {
          {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
          }
          handler_(connection, request);
        }
        ::shutdown(fd, SHUT_WR);
        char rest[4096];
        while (::recv(fd, rest, sizeof(rest), stop_ ? MSG_DONTWAIT : 0) > 0) {
        }
        ::close(fd);
      });
    }
  }
  static std::string read_until(int fd, const std::string& end) {
    std::string text;
    for (char c; !text.ends_with(end) && text.size() < 65536 && ::recv(fd, &c, 1, 0) == 1;) text += c;
    return text;
  }
  static std::string read_bytes(int fd, size_t count) {
    std::string bytes(count, '\0');
    for (size_t have = 0; have < count;) {
      const ssize_t n = ::recv(fd, bytes.data() + have, count - have, 0);
      if (n <= 0) return bytes.substr(0, have);
      have += static_cast<size_t>(n);
    }
    return bytes;
  }
  static Request read_request(int fd) {
    const std::string text = read_until(fd, "\r\n\r\n");
    Request request;
    size_t at = text.find("\r\n");
    const size_t space = text.find(' ');
    if (at == std::string::npos || space > at) return request;
    request.method = text.substr(0, space);
    request.target = text.substr(space + 1, text.find(' ', space + 1) - space - 1);
    for (at += 2; at < text.size();) {
      const size_t end = text.find("\r\n", at), colon = text.find(": ", at);
      if (end == std::string::npos || colon == std::string::npos || colon > end) break;
      std::string name = text.substr(at, colon - at);
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      request.headers[name] = text.substr(colon + 2, end - colon - 2);
      at = end + 2;
    }
    read_body(fd, request);
    return request;
  }
  static void read_body(int fd, Request& request) {
    if (!request.header("expect").empty()) {
      constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      ::send(fd, kContinue.data(), kContinue.size(), MSG_NOSIGNAL);
    }
    if (const std::string length = request.header("content-length"); !length.empty())
      request.body = read_bytes(fd, std::stoull(length));
    if (request.header("transfer-encoding") != "chunked") return;
    for (std::string line; !(line = read_until(fd, "\r\n")).empty();) {
      const size_t size = std::stoull(line, nullptr, 16);
      request.body += read_bytes(fd, size);
      read_until(fd, "\r\n");
      if (size == 0) return;
    }
  }

  Handler handler_;
  int listener_;
  int port_ = 0;
  std::atomic<bool> stop_ = false;
  std::vector<Request> requests_;
  mutable std::mutex mutex_;
  std::thread thread_;
  std::vector<std::thread> workers_;
};

}  // namespace hadal::test
