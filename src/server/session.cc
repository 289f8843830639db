#include "server/session.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <thread>

#include "server/api_error.h"
#include "server/outbox.h"

namespace hadal {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr uint32_t kMaxHeaderBytes = 16 << 10;
constexpr int kFirstKeepAliveMs = 500;  // soon enough to show that the server works, late enough for an error reply
constexpr size_t kMaxDrainBytes = 16 << 20;

using Parser = http::request_parser<http::string_body>;

std::string to_string(beast::string_view text) { return {text.data(), text.size()}; }

HttpRequest plain_request(const Parser& parser) {
  const auto& message = parser.get();
  return {to_string(message.method_string()), to_string(message.target()), to_string(message[http::field::host]),
          to_string(message[http::field::origin]), to_string(message[http::field::authorization]), {}};
}

template <typename Message>
void set_headers(Message& message, const HttpHeaders& headers) {
  message.set(http::field::server, "hadal");
  message.set("X-Content-Type-Options", "nosniff");
  message.set(http::field::cache_control, "no-store");
  for (const auto& [name, value] : headers) message.set(name, value);
}

}  // namespace

struct Session::Impl {
  Impl(asio::ip::tcp::socket socket, Shared& shared_)
      : shared(shared_), stream(std::move(socket)), wake(stream.get_executor()) {}

  asio::awaitable<void> serve_requests();
  asio::awaitable<bool> serve_one();
  asio::awaitable<bool> read_body(Parser& parser);
  asio::awaitable<bool> bad_request(error_code error);
  asio::awaitable<bool> answer(HttpRequest request, bool keep_alive);
  asio::awaitable<bool> answer_slowly(HttpRequest request, bool keep_alive);
  asio::awaitable<bool> pass_on(Outbox& outbox, const HttpRequest& request, bool keep_alive);
  asio::awaitable<bool> write_reply(HttpReply reply, const HttpRequest& request, bool keep_alive);
  asio::awaitable<bool> write_stream_head(const HttpRequest& request);
  asio::awaitable<bool> write_chunk(std::string data);
  asio::awaitable<bool> write_raw(std::string data);
  asio::awaitable<void> close();
  void watch_for_end(std::weak_ptr<Outbox> watched);

  Shared& shared;
  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  asio::steady_timer wake;           // cancelled when the outbox has news
  std::shared_ptr<Outbox> outbox;    // of the answer under way
  bool between_requests = false;
  bool input_left = false;           // part of a request was not read
};

Session::Session(asio::ip::tcp::socket socket, Shared& shared)
    : impl_(std::make_unique<Impl>(std::move(socket), shared)) {
  shared.sessions.insert(this);
}

Session::~Session() { impl_->shared.sessions.erase(this); }

void Session::close_if_idle() {
  if (impl_->between_requests) impl_->stream.cancel();
}

void Session::cancel() {
  close_if_idle();
  if (impl_->outbox) impl_->outbox->set_gone();
}

asio::awaitable<void> Session::serve(std::unique_ptr<Session> session, bool refuse) {
  Impl& impl = *session->impl_;
  if (refuse) {
    ApiError error(503, "the server has too many connections; try again in a moment");
    error.headers.emplace_back("Retry-After", "5");
    HttpRequest none;
    impl.input_left = true;
    co_await impl.write_reply(error.reply(), none, false);
  } else {
    co_await impl.serve_requests();
  }
  co_await impl.close();
}

asio::awaitable<void> Session::Impl::serve_requests() {
  while (!shared.stopping) {
    bool more = co_await serve_one();
    if (!more) break;
  }
}

// Reads and answers one request; false when the connection is to end.
asio::awaitable<bool> Session::Impl::serve_one() {
  if (buffer.size() == 0) {  // nothing of the next request yet: wait as long as an idle connection may
    between_requests = true;
    stream.expires_after(milliseconds(shared.options.idle_timeout_ms));
    auto [wait_error, num_bytes] = co_await stream.async_read_some(buffer.prepare(4096), kNoThrow);
    between_requests = false;
    if (wait_error) co_return false;
    buffer.commit(num_bytes);
  }
  Parser parser;
  parser.header_limit(kMaxHeaderBytes);
  parser.body_limit(shared.options.max_body_bytes);
  stream.expires_after(milliseconds(shared.options.header_timeout_ms));
  auto [error, n] = co_await http::async_read_header(stream, buffer, parser, kNoThrow);
  if (error) co_return co_await bad_request(error);
  HttpRequest request = plain_request(parser);
  auto refusal = shared.gate.refuse(request);
  if (refusal) {
    input_left = !parser.is_done();
    co_return co_await write_reply(std::move(*refusal), request, parser.keep_alive() && !input_left);
  }
  bool whole = co_await read_body(parser);
  if (!whole) co_return false;
  bool keep_alive = parser.keep_alive();
  request.body = std::move(parser.get().body());
  co_return co_await answer(std::move(request), keep_alive);
}

asio::awaitable<bool> Session::Impl::read_body(Parser& parser) {
  if (parser.is_done()) co_return true;
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    bool written = co_await write_raw("HTTP/1.1 100 Continue\r\n\r\n");
    if (!written) co_return false;
  }
  stream.expires_after(milliseconds(shared.options.body_timeout_ms));
  auto [error, n] = co_await http::async_read(stream, buffer, parser, kNoThrow);
  if (error) co_return co_await bad_request(error);
  co_return true;
}

asio::awaitable<bool> Session::Impl::bad_request(error_code error) {
  input_left = true;
  HttpRequest none;
  if (error == http::error::body_limit) {
    std::string limit = std::to_string(shared.options.max_body_bytes);
    ApiError too_large(413, "the request body is above the limit of " + limit + " bytes");
    co_await write_reply(too_large.reply(), none, false);
  } else if (error == http::error::header_limit) {
    co_await write_reply(ApiError(431, "the request header is above the limit of 16 KiB").reply(), none, false);
  } else if (error == beast::error::timeout) {
    // Beast has closed the socket already.
  } else if (error.category() == make_error_code(http::error::bad_method).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    co_await write_reply(ApiError(400, "this is not an HTTP/1.1 request: " + error.message()).reply(), none, false);
  }
  co_return false;
}

asio::awaitable<bool> Session::Impl::answer(HttpRequest request, bool keep_alive) {
  if (Api::is_slow(request)) {
    co_return co_await answer_slowly(std::move(request), keep_alive);
  }
  Outbox quick([] {});
  shared.api.handle(request, quick);
  quick.finish();
  HttpReply reply = std::move(*quick.take().reply);
  co_return co_await write_reply(std::move(reply), request, keep_alive);
}

asio::awaitable<bool> Session::Impl::answer_slowly(HttpRequest request, bool keep_alive) {
  if (shared.num_running >= shared.options.max_running) {
    ApiError busy(503, "the server answers as many requests as it can; try again in a moment", "", "server_busy");
    busy.headers.emplace_back("Retry-After", "2");
    co_return co_await write_reply(busy.reply(), request, keep_alive);
  }
  // The timer belongs to this coroutine, which outlives the thread: it waits for finish() and then joins it.
  outbox = std::make_shared<Outbox>([this] { asio::post(stream.get_executor(), [this] { wake.cancel(); }); });
  ++shared.num_running;
  std::thread worker([this, &request] {
    shared.api.handle(request, *outbox);
    outbox->finish();
  });
  watch_for_end(outbox);
  bool keep = co_await pass_on(*outbox, request, keep_alive);
  worker.join();
  // Notifications that the thread posted last must run before `wake` may go.
  co_await asio::post(stream.get_executor(), asio::use_awaitable);
  --shared.num_running;
  outbox.reset();
  co_return keep;
}

// A client that hangs up ends its answer, also while nothing is being written to it. The wait may outlive the answer
// and this connection; an outbox that is alive says that neither is over.
void Session::Impl::watch_for_end(std::weak_ptr<Outbox> watched) {
  auto on_readable = [this, watched](error_code error) {
    std::shared_ptr<Outbox> box = watched.lock();
    if (error || !box) return;
    char byte;
    error_code peek_error;
    stream.socket().non_blocking(true, peek_error);
    size_t n = stream.socket().receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, peek_error);
    if (peek_error == asio::error::would_block) return watch_for_end(watched);
    if (n == 0 || peek_error) box->set_gone();
  };
  stream.socket().async_wait(asio::ip::tcp::socket::wait_read, on_readable);
}

// Writes what the generating thread makes until it is finished; false when the connection is to end.
asio::awaitable<bool> Session::Impl::pass_on(Outbox& box, const HttpRequest& request, bool keep_alive) {
  bool head_written = false;
  Outbox::State state;
  auto wait_ms = milliseconds(kFirstKeepAliveMs);
  while (!state.finished) {
    bool quiet = false;
    if (!box.has_news()) {
      wake.expires_after(wait_ms);
      auto [wait_error] = co_await wake.async_wait(kNoThrow);
      quiet = !wait_error;
    }
    state = box.take();
    bool ok = !box.client_gone();
    if (ok && state.streaming && !head_written && (!state.events.empty() || quiet)) {
      head_written = true;
      ok = co_await write_stream_head(request);
    }
    if (ok && quiet && state.streaming) state.events = ": still at work\n\n" + state.events;
    if (ok && !state.events.empty()) ok = co_await write_chunk(std::move(state.events));
    if (!ok) box.set_gone();
    if (quiet) wait_ms = milliseconds(shared.options.keep_alive_ms);
  }
  if (box.client_gone()) co_return false;
  if (!head_written) {
    HttpReply reply = std::move(*state.reply);
    co_return co_await write_reply(std::move(reply), request, keep_alive);
  }
  if (state.reply) {  // an error after the stream had begun
    std::string event = "data: " + state.reply->body + "\n\n";
    bool written = co_await write_chunk(std::move(event));
    if (!written) co_return false;
  }
  bool written = co_await write_raw("0\r\n\r\n");
  co_return written && keep_alive;
}

asio::awaitable<bool> Session::Impl::write_reply(HttpReply reply, const HttpRequest& request, bool keep_alive) {
  http::response<http::string_body> response(static_cast<http::status>(reply.status), 11);
  set_headers(response, reply.headers);
  set_headers(response, shared.gate.cors_headers(request));
  if (!reply.content_type.empty()) response.set(http::field::content_type, reply.content_type);
  bool keep = keep_alive && !shared.stopping;
  response.keep_alive(keep);
  if (reply.status != 204) response.content_length(reply.body.size());
  if (request.method != "HEAD") response.body() = std::move(reply.body);
  http::response_serializer<http::string_body> serializer(response);
  stream.expires_after(milliseconds(shared.options.write_timeout_ms));
  auto [error, n] = co_await http::async_write(stream, serializer, kNoThrow);
  co_return !error && keep;
}

asio::awaitable<bool> Session::Impl::write_stream_head(const HttpRequest& request) {
  http::response<http::empty_body> response(http::status::ok, 11);
  set_headers(response, shared.gate.cors_headers(request));
  response.set(http::field::content_type, "text/event-stream; charset=utf-8");
  response.set("X-Accel-Buffering", "no");
  response.keep_alive(!shared.stopping);
  response.chunked(true);
  http::response_serializer<http::empty_body> serializer(response);
  stream.expires_after(milliseconds(shared.options.write_timeout_ms));
  auto [error, n] = co_await http::async_write_header(stream, serializer, kNoThrow);
  co_return !error;
}

asio::awaitable<bool> Session::Impl::write_chunk(std::string data) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return write_raw(size + data + "\r\n");
}

asio::awaitable<bool> Session::Impl::write_raw(std::string data) {
  // Nearly always the socket takes all at once; then there is nothing to wait for, and no timer to set.
  error_code refused;
  stream.socket().non_blocking(true, refused);
  const size_t taken = refused ? 0 : stream.socket().write_some(asio::buffer(data), refused);
  if (!refused && taken == data.size()) co_return true;
  if (refused && refused != asio::error::would_block && refused != asio::error::try_again) co_return false;
  data.erase(0, taken);
  stream.expires_after(milliseconds(shared.options.write_timeout_ms));
  auto [error, n] = co_await asio::async_write(stream, asio::buffer(data), kNoThrow);
  co_return !error;
}

// Closing with unread bytes would reset the connection and destroy a reply on its way, so they are read for a moment.
asio::awaitable<void> Session::Impl::close() {
  error_code ignored;
  stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  stream.expires_after(std::chrono::seconds(2));
  buffer.clear();
  for (size_t drained = 0; input_left && drained < kMaxDrainBytes;) {
    auto [error, num_bytes] = co_await stream.async_read_some(buffer.prepare(4096), kNoThrow);
    if (error) break;
    drained += num_bytes;
  }
  stream.socket().close(ignored);
}

}  // namespace hadal
