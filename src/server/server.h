// A private HTTP server for one model: the page at "/", OpenAI's API under /v1, /health. Bad requests get OpenAI's
// error shape. It listens on loopback unless told otherwise, and then demands an API key on every route.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/backend.h"

namespace hadal {

struct ServerOptions {
  std::string host = "127.0.0.1";            // an address or "localhost"
  int port = 8080;                           // 0: a free one
  std::vector<std::string> api_keys;         // any of them opens every route; none: no key is asked for (loopback only)
  std::vector<std::string> allowed_origins;  // other web pages that may call the API ("http://localhost:3000"), by CORS
  std::string model_name = "hadal";
  int64_t created = 0;                       // seconds since 1970, shown in /v1/models
  SamplingOptions sampling;                  // used where a request says nothing; its seed is drawn anew each time
  int max_running = 64;                      // requests that generate at once; more get a 503
  int max_connections = 256;                 // more get a 503
  uint64_t max_body_bytes = 8 << 20;
  int header_timeout_ms = 15'000;            // from the first byte of a request to the end of its header
  int body_timeout_ms = 60'000;
  int idle_timeout_ms = 75'000;              // a connection without a request
  int write_timeout_ms = 30'000;             // a client that does not read; its answer is cancelled
  int keep_alive_ms = 10'000;                // an SSE comment after so long without text
  bool stop_on_signals = false;              // SIGINT and SIGTERM call stop(); a second one cancels what is in flight
};

class Server {
 public:
  // Binds and listens. Throws Error when the address is wrong or taken, or asks for a key that is not there.
  Server(ServerOptions options, ChatBackend& backend);
  ~Server();

  // Serves on the calling thread, until stop(). May be called once.
  void run();

  // Any thread, not from a signal handler: accepts nothing more, finishes what is in flight, then run() returns.
  void stop();

  int port() const;
  std::string url() const;  // "http://127.0.0.1:8080"

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
