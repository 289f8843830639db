// Requests and replies as the routes see them, free of sockets and of the HTTP library.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hadal {

struct HttpRequest {
  std::string method, target;               // target: path and query as sent
  std::string host, origin, authorization;  // host: "" where the client named none
  std::string body = {};
  std::string content_encoding = {};  // how the body is compressed; "": not at all
  std::string asked_headers = {};     // of a preflight: what the page would send
  bool asks_private_network = false;  // of a preflight: a public page reaches for a private address
  bool http_1_0 = false;              // knows neither chunks nor, unless it says so, kept connections

  // Decoded, without the query; doubled slashes are one, and one at the end is none.
  std::string path() const;
};

// The parts of a target in absolute form ("http://host:80/path", as proxies are asked); `authority` is "" for another.
struct Target {
  std::string authority, path;
};
Target split_target(std::string_view target);

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  HttpHeaders headers;
};

// Where a route's answer goes. Used by one thread at a time.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // The whole answer. After send_event(), only an error may still come: its body becomes the last event.
  virtual void reply(HttpReply reply) = 0;

  // The request is sound and its answer, 200, is being made.
  virtual void accepted() {}

  // From here on the answer is an event stream, and comments keep the connection alive until the first event.
  virtual void open_stream() = 0;

  // One server-sent event. False: the client is gone, stop working for it.
  virtual bool send_event(std::string data) = 0;

  // A comment in the stream, which clients read over and people see.
  virtual void send_comment(std::string) {}

  virtual bool client_gone() const = 0;
};

}  // namespace hadal
