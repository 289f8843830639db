// Requests and answers as the handlers of routes see them, free of sockets and of the HTTP library.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hadal {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method, target;               // target: path and query as sent
  std::string host, origin, authorization;  // host: "" where the client named none
  std::string body = {};               // still compressed where content_encoding says so; "" for a route with `upload`
  std::string content_encoding = {};   // how the body is compressed; "": not at all
  std::string asked_headers = {};      // of a preflight: what the page would send
  bool asks_private_network = false;   // of a preflight: a public page reaches for a private address
  std::optional<uid_t> peer_uid = {};  // on the Unix socket: the user who asks, as the kernel knows it
  bool http_1_0 = false;               // knows neither chunks nor, unless it says so, kept connections
  HttpHeaders headers = {};            // all of them, as sent
  std::map<std::string, std::string, std::less<>> parameters = {};  // what stands for "{name}" in the route's path

  // Decoded, without the query; doubled slashes are one, and one at the end is none.
  std::string path() const;

  std::string header(std::string_view name) const;                  // of any case; "" when absent, the first of several
  std::optional<std::string> query(std::string_view name) const;    // "?name=value", decoded; the first of several
  std::map<std::string, std::string, std::less<>> queries() const;  // all of them, likewise
  std::string parameter(std::string_view name) const;               // of the route's path; decoded, never empty
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  HttpHeaders headers;
};

// A server-sent event.
struct Event {
  std::string data;
  std::string name = {}, id = {};  // "": the field is not sent
};

// Where a handler's answer goes: one reply(), or one stream. Used by one thread at a time.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // The next piece of the request's body, for routes with `upload`: not empty, at most 64 KiB; "" at the end. Blocks
  // until it is there. Throws ApiError when the body is longer than the route allows or broken, or the client is gone;
  // a handler that lets that pass has answered rightly. What is not read when the answer begins is never read, and the
  // connection ends with the answer.
  virtual std::string read_body() = 0;

  // The whole answer. In a stream of events only an error may still come: its body becomes the last event. A stream of
  // bytes that ends with an error breaks off, so that the client sees that it is not whole.
  virtual void reply(HttpReply reply) = 0;

  // The request is sound and its answer, 200 and JSON, is being made.
  virtual void accepted() {}

  // From here on the answer is a stream of server-sent events; comments keep the connection alive while none comes.
  virtual void open_events() = 0;

  // False: the client is gone, stop working for it. Never blocks: a client that is 4 MiB behind is given up.
  virtual bool send_event(Event event) = 0;

  // A comment among the events, which clients skip and people see.
  virtual void send_comment(std::string) {}

  // From here on the answer, 200, is a stream of bytes of any type, sent as they come.
  virtual void open_stream(std::string content_type, HttpHeaders headers = {}) = 0;

  // False: the client is gone. Blocks while the client is 1 MiB behind.
  virtual bool send_bytes(std::string_view bytes) = 0;

  virtual bool client_gone() const = 0;
};

}  // namespace hadal
