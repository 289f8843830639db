#include "server/server.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "server/http/gate.h"
#include "server/http/route_table.h"
#include "server/http/session.h"
#include "server/http/unix_socket.h"

namespace hadal {

namespace asio = boost::asio;
using asio::ip::tcp;
using unix_stream = asio::local::stream_protocol;
using boost::system::error_code;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

asio::ip::address parse_address(const std::string& host) {
  if (host.empty() || host == "localhost") return asio::ip::address_v4::loopback();
  error_code error;
  auto address = asio::ip::make_address(host, error);
  if (error) fail("--host: expected an address such as 127.0.0.1, ::1 or 0.0.0.0, or localhost, found \"{}\"", host);
  return address;
}

void check_options(const ServerOptions& options, const asio::ip::address& address) {
  if (options.port < 0 || options.port > 65535) fail("--port: expected 0 to 65535, found {}", options.port);
  for (const std::string& key : options.api_keys) {
    if (key.empty()) fail("the API key is empty; give one with at least one character");
  }
  if (options.shutdown_ms < 0) fail("--shutdown-seconds: expected 0 or more, found {}", options.shutdown_ms / 1000.0);
  if (options.host.empty() && options.unix_socket.empty()) fail("--host: expected an address to listen on, found none");
  if (!address.is_loopback() && options.api_keys.empty() && !options.handlers_ask) {
    fail("{} can be reached from other machines; give an API key that they must send, or serve on 127.0.0.1",
         address.to_string());
  }
}

ServerOptions with_normal_origins(ServerOptions options) {
  for (std::string& origin : options.allowed_origins) origin = normal_origin(origin);
  return options;
}

tcp::acceptor listen_on(asio::io_context& io, const tcp::endpoint& endpoint) {
  tcp::acceptor acceptor(io);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error == asio::error::address_in_use) {
    fail("port {} of {} is taken by another program; stop that one, or choose another port (0: any free one)",
         endpoint.port(), endpoint.address().to_string());
  }
  if (error) fail("cannot listen on {} port {}: {}", endpoint.address().to_string(), endpoint.port(), error.message());
  return acceptor;
}

Peer peer_of(tcp::socket& socket) {
  error_code error;
  socket.set_option(tcp::no_delay(true), error);
  return {socket.remote_endpoint(error).address().to_string(), std::nullopt};
}

Peer peer_of(unix_stream::socket& socket) {
  ucred user{};
  socklen_t size = sizeof user;
  const bool known = ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &user, &size) == 0;
  if (!known) user.uid = static_cast<uid_t>(-1);  // nobody's
  return {fmt::format("user {}", user.uid), user.uid};
}

}  // namespace

struct Server::Impl {
  Impl(ServerOptions options_, std::vector<Route> routes_)
      : options(with_normal_origins(std::move(options_))),
        address(parse_address(options.host)),
        routes(std::move(routes_)),
        gate(options.api_keys, options.allowed_origins, address.is_loopback(), routes.all_methods(),
             options.handlers_ask),
        shared{options, routes, gate, {}},
        signals(io),
        deadline(io) {
    check_options(options, address);
    if (!options.host.empty()) acceptor = listen_on(io, {address, static_cast<uint16_t>(options.port)});
    if (!options.unix_socket.empty()) {
      unix_file.emplace(options.unix_socket, options.unix_mode);
      unix_acceptor.assign(unix_stream(), unix_file->take_fd());
    }
    if (options.stop_on_signals) {
      signals.add(SIGINT);
      signals.add(SIGTERM);
    }
  }

  template <typename Acceptor>
  asio::awaitable<void> accept_forever(Acceptor& from);
  bool make_room(const Peer& client);
  void await_signal();
  void stop();
  void await_deadline();
  void cancel_all();
  void turn_off_the_light();

  const ServerOptions options;
  const asio::ip::address address;
  const RouteTable routes;
  const Gate gate;
  Shared shared;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  unix_stream::acceptor unix_acceptor{io};
  std::optional<UnixSocketFile> unix_file;
  asio::signal_set signals;
  asio::steady_timer deadline;
};

Server::Server(ServerOptions options, std::vector<Route> routes)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(routes))) {}

Server::~Server() = default;

int Server::port() const { return impl_->acceptor.is_open() ? impl_->acceptor.local_endpoint().port() : 0; }

std::string Server::url() const {
  if (!impl_->acceptor.is_open()) return "unix:" + impl_->options.unix_socket.string();
  bool v6 = impl_->address.is_v6();
  return fmt::format("http://{}{}{}:{}", v6 ? "[" : "", impl_->address.to_string(), v6 ? "]" : "", port());
}

void Server::run() {
  Impl& impl = *impl_;
  if (impl.acceptor.is_open()) asio::co_spawn(impl.io, impl.accept_forever(impl.acceptor), asio::detached);
  if (impl.unix_acceptor.is_open()) asio::co_spawn(impl.io, impl.accept_forever(impl.unix_acceptor), asio::detached);
  if (impl_->options.stop_on_signals) impl_->await_signal();
  impl_->io.run();  // returns when the acceptor is closed and the last session has ended
}

void Server::stop() {
  asio::post(impl_->io, [this] { impl_->stop(); });
}

void Server::Impl::stop() {
  shared.stopping = true;
  error_code ignored;
  acceptor.close(ignored);
  unix_acceptor.close(ignored);
  for (Session* session : shared.sessions) {
    if (session->standing() <= Session::Standing::reading) session->drop();
    if (session->is_endless()) session->cancel();
  }
  deadline.expires_after(std::chrono::milliseconds(options.shutdown_ms));
  await_deadline();
  turn_off_the_light();
}

void Server::Impl::await_deadline() {
  deadline.async_wait([this](error_code error) {
    if (error || shared.sessions.empty()) return;
    log_warning("stopping: {} answers are not finished after {:.1f} s and are cut off", shared.num_running,
                options.shutdown_ms / 1000.0);
    cancel_all();
  });
}

// Ends what is in flight. A step of a large model may take long, and nothing interrupts it: whoever told this process
// to end does not wait for it.
void Server::Impl::cancel_all() {
  for (Session* session : shared.sessions) session->cancel();
  if (!options.stop_on_signals) return;
  deadline.expires_after(std::chrono::seconds(1));
  deadline.async_wait([this](error_code error) {
    if (!error && !shared.sessions.empty()) std::_Exit(0);
  });
}

// Nothing else keeps run() once the last connection has ended.
void Server::Impl::turn_off_the_light() {
  if (!shared.stopping || !shared.sessions.empty()) return;
  error_code ignored;
  signals.cancel(ignored);
  deadline.cancel();
}

void Server::Impl::await_signal() {
  signals.async_wait([this](error_code error, int) {
    if (error) return;
    if (shared.stopping) {
      cancel_all();
    } else {
      log_info("stopping: {} answers in flight have {:.1f} s to finish; a second signal cancels them",
               shared.num_running, options.shutdown_ms / 1000.0);
      stop();
    }
    if (!shared.sessions.empty()) await_signal();
  });
}

// Makes sure that one more connection of `client` fits; where there are too many, the least dear and longest waiting
// one is dropped, so that clients that say nothing keep nobody out. False: all of them are being answered.
bool Server::Impl::make_room(const Peer& client) {
  int num_all = 0, num_own = 0;
  Session *all = nullptr, *own = nullptr;
  const auto rank = [](const Session* s) { return std::pair(s->standing(), s->since()); };
  for (Session* session : shared.sessions) {
    if (session->dropped()) continue;
    ++num_all;
    num_own += session->peer().name == client.name;
    if (session->standing() == Session::Standing::answering) continue;
    if (!all || rank(session) < rank(all)) all = session;
    if (session->peer().name == client.name && (!own || rank(session) < rank(own))) own = session;
  }
  if (num_own >= options.max_connections_per_address) {
    if (own) own->drop();
    return own != nullptr;
  }
  if (num_all < options.max_connections) return true;
  if (all) all->drop();
  return all != nullptr;
}

template <typename Acceptor>
asio::awaitable<void> Server::Impl::accept_forever(Acceptor& from) {
  while (!shared.stopping) {
    auto [error, socket] = co_await from.async_accept(kNoThrow);
    if (shared.stopping) break;
    if (error) {  // out of file handles, or a client that was gone already
      asio::steady_timer pause(io, std::chrono::milliseconds(50));
      co_await pause.async_wait(kNoThrow);
      continue;
    }
    Peer peer = peer_of(socket);
    bool refuse = !make_room(peer);
    auto session = std::make_unique<Session>(Socket(std::move(socket)), std::move(peer), shared);
    asio::co_spawn(io, Session::serve(std::move(session), refuse),
                   [this](std::exception_ptr) { turn_off_the_light(); });
  }
}

}  // namespace hadal
