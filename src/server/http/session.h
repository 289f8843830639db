// One HTTP connection. Everything of it runs on the server's I/O thread, but for the handlers of slow routes: each gets
// a thread for its request, which passes its answer back through an Outbox.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <chrono>
#include <memory>
#include <set>
#include <string>

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

using Socket = boost::asio::generic::stream_protocol::socket;  // TCP or Unix

// The client at the other end.
struct Peer {
  std::string name;          // its address, or on the Unix socket its user: whose connections are counted together
  std::optional<uid_t> uid;  // on the Unix socket
};

class Session {
 public:
  Session(Socket socket, Peer peer, Shared& shared);
  ~Session();

  // Answers requests until the connection ends. `refuse`: one only, with 503 (but probes as ever), since the server
  // has too many connections.
  static boost::asio::awaitable<void> serve(std::unique_ptr<Session> session, bool refuse);

  // How dear the connection is when there are too many: one that never asked anything is the first to go, then one
  // between requests, one whose request is not whole, one that takes a short reply. While a model answers, it stays.
  enum class Standing { silent, idle, reading, replying, answering };
  Standing standing() const;
  std::chrono::steady_clock::time_point since() const;  // in this standing
  const Peer& peer() const;

  void drop();  // ends it, unless a model answers
  bool dropped() const;

  void cancel();            // drops it, or gives up the answer that is under way
  bool is_endless() const;  // what is under way never ends by itself (Route::endless)

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
