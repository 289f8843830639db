// One HTTP connection. Everything of it runs on the server's I/O thread, but for requests that generate: each gets a
// thread, which passes its text back through an Outbox.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <set>

#include "server/api.h"
#include "server/gate.h"

namespace hadal {

class Session;

// What the sessions of one server share. Touched on the I/O thread only.
struct Shared {
  const ServerOptions& options;
  Api& api;
  const Gate& gate;
  std::set<Session*> sessions;
  int num_running = 0;    // threads that generate
  bool stopping = false;  // no further request is read
};

class Session {
 public:
  Session(boost::asio::ip::tcp::socket socket, Shared& shared);
  ~Session();

  // Answers requests until the connection ends. `refuse`: answers 503, the server has too many connections.
  static boost::asio::awaitable<void> serve(std::unique_ptr<Session> session, bool refuse);

  void close_if_idle();  // when the server stops: nothing of a request has come yet
  void cancel();         // gives up the answer that is under way

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
