// A private HTTP server of routes (server/route.h), on TCP, on a Unix socket, or on both. Bad requests get OpenAI's
// error shape. It listens on loopback unless told otherwise, and then demands an API key. On the Unix socket the kernel
// tells handlers who asks (HttpRequest::peer_uid), and there is no key.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "server/route.h"

namespace hadal {

struct ServerOptions {
  std::string host = "127.0.0.1";  // an address or "localhost"; "": not on TCP
  int port = 8080;                 // 0: a free one
  Path unix_socket = {};           // its file, removed at the end; empty: none. One on which nobody listens is replaced
  uint32_t unix_mode = 0666;       // of that file: who may connect
  bool handlers_ask = false;       // for a token, each on its own: then any address will do, without a key
  std::vector<std::string>
      api_keys;  // any of them opens every route with `auth`; none: no key is asked for (loopback only)
  std::vector<std::string> allowed_origins;  // other web pages that may call the API ("http://localhost:3000"), by CORS
  int max_running = 64;                      // slow requests (Route::slow) at once; more get a 503
  int max_connections = 256;                 // for more, those are dropped that ask nothing; only then come 503s
  int max_connections_per_address = 128;     // likewise, of one client's address or user
  uint64_t max_body_bytes = 8 << 20;         // of routes that have no limit of their own
  int header_timeout_ms = 15'000;            // from the first byte of a request to the end of its header
  int body_timeout_ms = 60'000;              // for the whole body; of an upload, for each piece
  int first_byte_timeout_ms = 5'000;         // a connection that never asked anything
  int idle_timeout_ms = 75'000;              // one between requests
  int write_timeout_ms = 30'000;             // a client that does not read; its answer is cancelled
  int keep_alive_ms = 10'000;                // an SSE comment after so long without text
  int shutdown_ms = 8'000;                   // after stop(): what is then in flight is cancelled
  bool stop_on_signals = false;  // SIGINT and SIGTERM call stop(), a second one cancels what is in flight. What
                                 // is not over a second after it was cancelled, the process leaves behind.
};

class Server {
 public:
  // Binds and listens. Throws Error when an address is wrong or taken, or asks for a key that is not there. What the
  // handlers refer to must outlive run(). /health answers also where no route has it.
  Server(ServerOptions options, std::vector<Route> routes);
  ~Server();

  // Serves on the calling thread, until stop(). May be called once.
  void run();

  // Any thread, not from a signal handler: accepts nothing more, drops requests that are not whole, finishes those that
  // are within shutdown_ms, then run() returns.
  void stop();

  int port() const;         // 0: not on TCP
  std::string url() const;  // "http://127.0.0.1:8080"; without TCP "unix:/path"

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
