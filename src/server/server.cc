#include "server/server.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

#include "base/log.h"
#include "server/api.h"
#include "server/gate.h"
#include "server/session.h"

namespace hadal {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

asio::ip::address parse_address(const std::string& host) {
  if (host == "localhost") return asio::ip::address_v4::loopback();
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
  if (!address.is_loopback() && options.api_keys.empty()) {
    fail("{} can be reached from other machines; give an API key that they must send, or serve on 127.0.0.1",
         address.to_string());
  }
}

tcp::acceptor listen(asio::io_context& io, const tcp::endpoint& endpoint) {
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

}  // namespace

struct Server::Impl {
  Impl(ServerOptions options_, ChatBackend& backend)
      : options(std::move(options_)),
        address(parse_address(options.host)),
        api(options, backend),
        gate(options.api_keys, options.allowed_origins, address.is_loopback()),
        shared{options, api, gate, {}},
        acceptor((check_options(options, address), listen(io, {address, static_cast<uint16_t>(options.port)}))),
        signals(io) {
    if (options.stop_on_signals) {
      signals.add(SIGINT);
      signals.add(SIGTERM);
    }
  }

  asio::awaitable<void> accept_forever();
  void await_signal();
  void stop();

  const ServerOptions options;
  const asio::ip::address address;
  Api api;
  const Gate gate;
  Shared shared;
  asio::io_context io{1};
  tcp::acceptor acceptor;
  asio::signal_set signals;
};

Server::Server(ServerOptions options, ChatBackend& backend)
    : impl_(std::make_unique<Impl>(std::move(options), backend)) {}

Server::~Server() = default;

int Server::port() const { return impl_->acceptor.local_endpoint().port(); }

std::string Server::url() const {
  bool v6 = impl_->address.is_v6();
  return fmt::format("http://{}{}{}:{}", v6 ? "[" : "", impl_->address.to_string(), v6 ? "]" : "", port());
}

void Server::run() {
  asio::co_spawn(impl_->io, impl_->accept_forever(), asio::detached);
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
  for (Session* session : shared.sessions) session->close_if_idle();
  if (shared.sessions.empty()) signals.cancel(ignored);
}

void Server::Impl::await_signal() {
  signals.async_wait([this](error_code error, int) {
    if (error) return;
    if (shared.stopping) {
      for (Session* session : shared.sessions) session->cancel();
    } else {
      log_info("stopping: {} answers in flight will be finished; a second signal cancels them", shared.num_running);
      stop();
    }
    if (!shared.sessions.empty()) await_signal();
  });
}

asio::awaitable<void> Server::Impl::accept_forever() {
  while (!shared.stopping) {
    auto [error, socket] = co_await acceptor.async_accept(kNoThrow);
    if (shared.stopping) break;
    if (error) {  // out of file handles, or a client that was gone already
      asio::steady_timer pause(io, std::chrono::milliseconds(50));
      co_await pause.async_wait(kNoThrow);
      continue;
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    bool refuse = static_cast<int>(shared.sessions.size()) >= options.max_connections;
    auto session = std::make_unique<Session>(std::move(socket), shared);
    asio::co_spawn(io, Session::serve(std::move(session), refuse), [this](std::exception_ptr) {
      error_code none;
      if (shared.stopping && shared.sessions.empty()) signals.cancel(none);  // the last one turns off the light
    });
  }
}

}  // namespace hadal
