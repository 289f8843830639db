// One HTTP connection. Everything of it runs on the server's I/O thread, but for the handlers of slow routes: each gets
// a thread for its request, which passes its answer back through an Outbox.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <set>

#include "server/http/gate.h"
#include "server/http/route_table.h"
#include "server/server.h"

namespace hadal {

class Session;

// What the sessions of one server share. Touched on the I/O thread only.
struct Shared {
  const ServerOptions& options;
  const RouteTable& routes;
  const Gate& gate;
  std::set<Session*> sessions;
  int num_running = 0;    // threads of slow routes
  bool stopping = false;  // no further request is read
};

class Session {
 public:
  Session(boost::asio::ip::tcp::socket socket, Shared& shared);
  ~Session();

  // Answers requests until the connection ends. `refuse`: one only, with 503 (but probes as ever), since the server
  // has too many connections.
  static boost::asio::awaitable<void> serve(std::unique_ptr<Session> session, bool refuse);

  // How dear the connection is when there are too many: one that never asked anything is the first to go, then one
  // between requests, one whose request is not whole, one that takes a short reply. While a model answers, it stays.
  enum class Standing { silent, idle, reading, replying, answering };
  Standing standing() const;
  std::chrono::steady_clock::time_point since() const;  // in this standing
  const boost::asio::ip::address& address() const;      // of the client

  void drop();  // ends it, unless a model answers
  bool dropped() const;

  void cancel();  // drops it, or gives up the answer that is under way

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
