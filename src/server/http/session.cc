#include "server/http/session.h"

#include <poll.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <thread>

#include "server/api_error.h"
#include "server/http/inbox.h"
#include "server/http/outbox.h"
#include "server/http/request_head.h"

namespace hadal {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr int kFirstKeepAliveMs = 500;   // soon enough to show that the server works, late enough for an error reply
constexpr int kHalfClosedCheckMs = 200;  // how soon a client that has closed one direction is known to have closed both
constexpr size_t kMaxDrainBytes = 16 << 20;
constexpr size_t kMaxEmptyLineBytes = 256;
constexpr size_t kPieceBytes = 64 << 10;  // of an upload

// Reads a body in pieces; what becomes of them depends on the route, which the head names.
using Parser = http::request_parser<http::buffer_body>;
using HeadFields = http::header<true, http::fields>;
using Standing = Session::Standing;

HttpRequest request_of(const HeadFields& head) {
  const auto string_of = [](beast::string_view text) { return std::string(text.data(), text.size()); };
  HttpRequest request;
  request.method = string_of(head.method_string());
  request.http_1_0 = head.version() < 11;
  for (const auto& field : head) request.headers.emplace_back(string_of(field.name_string()), string_of(field.value()));
  take_head(request, string_of(head.target()));
  return request;
}

HeadFault fault_of(error_code error) {
  switch (static_cast<http::error>(error.value())) {
    case http::error::body_limit:
      return HeadFault::body_limit;
    case http::error::header_limit:
    case http::error::buffer_overflow:
      return HeadFault::header_limit;
    case http::error::bad_method:
      return HeadFault::method;
    case http::error::bad_target:
      return HeadFault::target;
    case http::error::bad_version:
      return HeadFault::version;
    case http::error::bad_content_length:
      return HeadFault::content_length;
    case http::error::multiple_content_length:
      return HeadFault::many_lengths;
    case http::error::bad_transfer_encoding:
      return HeadFault::transfer_encoding;
    case http::error::bad_chunk:
    case http::error::bad_chunk_extension:
      return HeadFault::chunk;
    default:
      return HeadFault::other;
  }
}

// Of what the client sent; not that it went, or was too slow (Beast has then closed the socket already).
bool is_malformed(error_code error) {
  return error.category() == make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

template <typename Message>
void set_headers(Message& message, const HttpHeaders& headers) {
  message.set(http::field::server, "hadal");
  message.set("X-Content-Type-Options", "nosniff");
  message.set(http::field::cache_control, "no-store");
  for (const auto& [name, value] : headers) message.set(name, value);
}

bool is_reset(Socket& socket) {
  pollfd poll_fd{socket.native_handle(), 0, 0};
  return ::poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace

struct Session::Impl {
  Impl(Socket socket, Peer peer_, Shared& shared_)
      : shared(shared_), peer(std::move(peer_)), stream(std::move(socket)), wake(stream.get_executor()) {}

  asio::awaitable<void> serve_requests();
  asio::awaitable<bool> serve_one();
  asio::awaitable<bool> await_request();
  asio::awaitable<bool> read_body(Parser& parser, uint64_t max_bytes, std::string& body);
  asio::awaitable<error_code> read_piece(Parser& parser, std::string& piece);
  asio::awaitable<bool> bad_request(error_code error, const HeadFields& head, uint64_t max_body_bytes);
  ApiError mistake_of(error_code error, const HeadFields& head, uint64_t max_body_bytes) const;
  asio::awaitable<bool> continue_if_expected(const HeadFields& head);
  asio::awaitable<bool> answer(const RouteTable::Match& match, HttpRequest request, bool keep_alive);
  asio::awaitable<bool> answer_slowly(const RouteTable::Match& match, HttpRequest request, Parser* upload,
                                      bool keep_alive);
  asio::awaitable<void> pass_in(Parser& parser, Inbox& inbox, Outbox& box, uint64_t max_bytes);
  asio::awaitable<bool> pass_on(Outbox& outbox, const HttpRequest& request, bool keep_alive);
  asio::awaitable<bool> finish_stream(Outbox::State state, bool keep_alive);
  asio::awaitable<bool> end_of_head(Outbox& outbox, bool keep_alive);
  asio::awaitable<bool> write_reply(HttpReply reply, const HttpRequest& request, bool keep_alive);
  asio::awaitable<bool> write_stream_head(Outbox& outbox, const HttpRequest& request);
  asio::awaitable<bool> write_early_head(const HttpRequest& request, bool keep_alive);
  asio::awaitable<bool> write_piece(std::string data);
  asio::awaitable<bool> write_raw(std::string data);
  asio::awaitable<void> close();
  void watch_for_end(std::weak_ptr<Outbox> watched);
  uint64_t max_body_bytes(const RouteTable::Match& match) const;
  size_t leading_empty_bytes() const;
  bool more_may_come() const;
  void set_standing(Standing next);

  Shared& shared;
  const Peer peer;
  beast::basic_stream<asio::generic::stream_protocol> stream;
  beast::flat_buffer buffer;
  asio::steady_timer wake;         // cancelled when the outbox has news
  std::shared_ptr<Outbox> outbox;  // of the answer under way
  Standing standing = Standing::silent;
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
  bool refuse = false;  // one answer, 503
  bool dropped = false;
  bool input_left = false;   // part of a request was not read
  bool half_closed = false;  // the client will send no more; it may still read, or be gone
  bool chunked = true;       // how the stream under way is written
  bool endless = false;      // it ends when the client or the server does
};

Session::Session(Socket socket, Peer peer, Shared& shared)
    : impl_(std::make_unique<Impl>(std::move(socket), std::move(peer), shared)) {
  shared.sessions.insert(this);
}

Session::~Session() { impl_->shared.sessions.erase(this); }

Session::Standing Session::standing() const { return impl_->standing; }
std::chrono::steady_clock::time_point Session::since() const { return impl_->since; }
const Peer& Session::peer() const { return impl_->peer; }
bool Session::dropped() const { return impl_->dropped; }
bool Session::is_endless() const { return impl_->endless; }

void Session::drop() {
  if (impl_->standing == Standing::answering) return;
  impl_->dropped = true;
  impl_->stream.cancel();
}

void Session::cancel() {
  drop();
  if (!impl_->outbox) return;
  impl_->outbox->set_gone();
  impl_->wake.cancel();
  impl_->stream.cancel();
}

asio::awaitable<void> Session::serve(std::unique_ptr<Session> session, bool refuse) {
  Impl& impl = *session->impl_;
  impl.refuse = refuse;
  co_await impl.serve_requests();
  co_await impl.close();
}

asio::awaitable<void> Session::Impl::serve_requests() {
  while (!shared.stopping && !dropped) {
    bool more = co_await serve_one();
    if (!more || refuse) break;
    set_standing(Standing::idle);
  }
}

void Session::Impl::set_standing(Standing next) {
  standing = next;
  since = std::chrono::steady_clock::now();
}

size_t Session::Impl::leading_empty_bytes() const {
  const std::string_view received(static_cast<const char*>(buffer.data().data()), buffer.size());
  return std::min(received.size(), received.find_first_not_of("\r\n"));
}

// Whether a request may follow the one under way: the client still sends, or what it sent before it closed its sending
// side holds more. That is then all in the buffer: the end is seen only behind what was received.
bool Session::Impl::more_may_come() const { return !half_closed || leading_empty_bytes() < buffer.size(); }

// Waits for the first byte of a request, as long as a connection may be idle, but not long for one that never asked
// anything. Empty lines before a request are read over (RFC 9112, 2.2); they do not prolong the wait.
asio::awaitable<bool> Session::Impl::await_request() {
  const int wait_ms =
      standing == Standing::silent ? shared.options.first_byte_timeout_ms : shared.options.idle_timeout_ms;
  const auto deadline = std::chrono::steady_clock::now() + milliseconds(wait_ms);
  size_t num_skipped = 0;
  for (;;) {
    const size_t num_empty = leading_empty_bytes();
    buffer.consume(num_empty);
    num_skipped += num_empty;
    if (buffer.size() > 0) co_return true;
    if (num_skipped > kMaxEmptyLineBytes) co_return false;
    stream.expires_at(deadline);
    auto [error, num_bytes] = co_await stream.async_read_some(buffer.prepare(4096), kNoThrow);
    if (error) co_return false;
    buffer.commit(num_bytes);
  }
}

// Reads and answers one request; false when the connection is to end.
asio::awaitable<bool> Session::Impl::serve_one() {
  const bool begun = co_await await_request();
  if (!begun || dropped) co_return false;
  set_standing(Standing::reading);
  Parser parser;
  parser.header_limit(kMaxHeaderBytes);
  parser.body_limit(boost::none);  // which one there is, the head says
  stream.expires_after(milliseconds(shared.options.header_timeout_ms));
  auto [error, n] = co_await http::async_read_header(stream, buffer, parser, kNoThrow);
  const HeadFields& head = parser.get().base();
  if (error) co_return co_await bad_request(error, head, shared.options.max_body_bytes);
  HttpRequest request = request_of(head);
  request.peer_uid = peer.uid;
  RouteTable::Match match = shared.routes.match(request);
  request.parameters = std::move(match.parameters);
  const bool probe = match.route && match.route->probe;
  const uint64_t max_bytes = max_body_bytes(match);
  parser.body_limit(max_bytes);
  if (parser.content_length() && *parser.content_length() > max_bytes)
    co_return co_await bad_request(http::error::body_limit, head, max_bytes);
  std::optional<HttpReply> refusal;
  if (const auto mistake = refuse_head(request, probe)) {
    refusal = mistake->reply();
  } else {
    refusal = shared.gate.refuse(request, match.auth);
  }
  if (!refusal && refuse && !probe) {
    ApiError full(503, "the server has too many connections; try again in a moment");
    full.headers.emplace_back("Retry-After", "5");
    refusal = full.reply();
  }
  if (refusal) {
    input_left = !parser.is_done();
    set_standing(Standing::replying);
    co_return co_await write_reply(std::move(*refusal), request, parser.keep_alive() && !input_left);
  }
  const bool keep_alive = parser.keep_alive();
  if (match.route && match.route->upload)
    co_return co_await answer_slowly(match, std::move(request), &parser, keep_alive);
  bool whole = co_await read_body(parser, max_bytes, request.body);
  if (!whole || dropped) co_return false;
  set_standing(Standing::replying);
  co_return co_await answer(match, std::move(request), keep_alive);
}

uint64_t Session::Impl::max_body_bytes(const RouteTable::Match& match) const {
  return match.route && match.route->max_body_bytes > 0 ? match.route->max_body_bytes : shared.options.max_body_bytes;
}

asio::awaitable<bool> Session::Impl::read_body(Parser& parser, uint64_t max_bytes, std::string& body) {
  if (parser.is_done()) co_return true;
  const bool ready = co_await continue_if_expected(parser.get().base());
  if (!ready) co_return false;
  stream.expires_after(milliseconds(shared.options.body_timeout_ms));
  for (std::string piece; !parser.is_done(); body += piece) {
    const error_code error = co_await read_piece(parser, piece);
    if (error) co_return co_await bad_request(error, parser.get().base(), max_bytes);
  }
  co_return true;
}

// What is there of the body, at most kPieceBytes; may be nothing, where only the head of a chunk has come.
asio::awaitable<error_code> Session::Impl::read_piece(Parser& parser, std::string& piece) {
  piece.resize(kPieceBytes);
  parser.get().body() = {piece.data(), piece.size(), /*more=*/true};
  auto [error, n] = co_await http::async_read_some(stream, buffer, parser, kNoThrow);
  piece.resize(kPieceBytes - parser.get().body().size);
  co_return error == http::error::need_buffer ? error_code() : error;  // that one says that the piece is full
}

asio::awaitable<bool> Session::Impl::continue_if_expected(const HeadFields& head) {
  if (head.version() < 11 || !beast::iequals(head[http::field::expect], "100-continue")) co_return true;
  co_return co_await write_raw("HTTP/1.1 100 Continue\r\n\r\n");
}

ApiError Session::Impl::mistake_of(error_code error, const HeadFields& head, uint64_t max_body_bytes) const {
  const std::string_view begin(static_cast<const char*>(buffer.data().data()), std::min<size_t>(buffer.size(), 16));
  return reading_error(fault_of(error), request_of(head), begin, max_body_bytes);
}

asio::awaitable<bool> Session::Impl::bad_request(error_code error, const HeadFields& head, uint64_t max_body_bytes) {
  if (!is_malformed(error)) co_return false;
  input_left = true;
  const ApiError mistake = mistake_of(error, head, max_body_bytes);
  HttpRequest none;
  set_standing(Standing::replying);
  co_await write_reply(mistake.reply(), none, false);
  co_return false;
}

asio::awaitable<bool> Session::Impl::answer(const RouteTable::Match& match, HttpRequest request, bool keep_alive) {
  if (match.route && match.route->slow) {
    co_return co_await answer_slowly(match, std::move(request), nullptr, keep_alive);
  }
  Outbox quick([] {});
  shared.routes.answer(match, request, quick);
  quick.finish();
  Outbox::State state = quick.take();
  HADAL_CHECK(state.reply, "{} {} does not answer by reply(); is it slow?", request.method, match.route->path);
  HttpReply reply = std::move(*state.reply);
  co_return co_await write_reply(std::move(reply), request, keep_alive);
}

// On a thread of the request's own. `upload`: null where the body is in the request already.
asio::awaitable<bool> Session::Impl::answer_slowly(const RouteTable::Match& match, HttpRequest request, Parser* upload,
                                                   bool keep_alive) {
  if (shared.num_running >= shared.options.max_running) {
    ApiError busy(503, "the server answers as many requests as it can; try again in a moment", "", "server_busy");
    busy.headers.emplace_back("Retry-After", "2");
    input_left = upload && !upload->is_done();
    co_return co_await write_reply(busy.reply(), request, keep_alive && !input_left);
  }
  // The timer belongs to this coroutine, which outlives the thread: it waits for finish() and then joins it.
  set_standing(Standing::answering);
  const auto notify = [this] { asio::post(stream.get_executor(), [this] { wake.cancel(); }); };
  Inbox inbox(notify);
  outbox = std::make_shared<Outbox>(notify, upload ? &inbox : nullptr);
  endless = match.route->endless;
  ++shared.num_running;
  std::thread worker([this, &match, &request] {
    shared.routes.answer(match, request, *outbox);
    outbox->finish();
  });
  if (upload) {
    co_await pass_in(*upload, inbox, *outbox, max_body_bytes(match));
    keep_alive = keep_alive && !input_left;
  }
  watch_for_end(outbox);
  bool keep = co_await pass_on(*outbox, request, keep_alive);
  worker.join();
  // Notifications that the thread posted last must run before `wake` may go.
  co_await asio::post(stream.get_executor(), asio::use_awaitable);
  --shared.num_running;
  endless = false;
  outbox.reset();
  co_return keep;
}

// Reads the body of an upload piece by piece, each when the handler waits for it, until the body is whole or the answer
// has begun.
asio::awaitable<void> Session::Impl::pass_in(Parser& parser, Inbox& inbox, Outbox& box, uint64_t max_bytes) {
  bool first = true;
  std::string piece;
  while (!parser.is_done()) {
    while (!inbox.wanted() && !box.answer_begun() && !box.client_gone()) {
      wake.expires_at(std::chrono::steady_clock::time_point::max());
      co_await wake.async_wait(kNoThrow);
    }
    if (!inbox.wanted()) break;
    bool there = !box.client_gone();
    if (there && std::exchange(first, false)) there = co_await continue_if_expected(parser.get().base());
    error_code error;
    if (there) {
      stream.expires_after(milliseconds(shared.options.body_timeout_ms));
      error = co_await read_piece(parser, piece);
    }
    if (error && is_malformed(error)) {
      inbox.fail(mistake_of(error, parser.get().base(), max_bytes));
      break;
    }
    if (error || !there) {
      box.set_gone();
      break;
    }
    if (!piece.empty()) inbox.put(std::move(piece));
  }
  input_left = !parser.is_done();
  if (input_left)
    inbox.fail(ApiError(400, "the request body was not read to its end"));  // the client is gone, or it was answered
  else
    inbox.end();
}

// A client that hangs up ends its answer, also while nothing is being written to it. The wait may outlive the answer
// and this connection; an outbox that is alive says that neither is over. A client may also close its sending side
// alone and still read; the two cannot be told apart before something is sent.
void Session::Impl::watch_for_end(std::weak_ptr<Outbox> watched) {
  auto on_readable = [this, watched](error_code error) {
    std::shared_ptr<Outbox> box = watched.lock();
    if (error || !box) return;
    char byte;
    error_code peek_error;
    stream.socket().non_blocking(true, peek_error);
    size_t n = stream.socket().receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, peek_error);
    if (peek_error == asio::error::would_block) return watch_for_end(watched);
    if (peek_error == asio::error::eof || (n == 0 && !peek_error)) {
      half_closed = true;
    } else if (peek_error) {
      box->set_gone();
    }
    wake.cancel();
  };
  stream.socket().async_wait(Socket::wait_read, on_readable);
}

// Writes what the generating thread makes until it is finished; false when the connection is to end.
asio::awaitable<bool> Session::Impl::pass_on(Outbox& box, const HttpRequest& request, bool keep_alive) {
  bool head_written = false;
  Outbox::State state;
  auto wait_ms = milliseconds(kFirstKeepAliveMs);
  auto comment_at = std::chrono::steady_clock::now() + wait_ms;
  while (!state.finished) {
    if (!box.has_news()) {
      wake.expires_at(half_closed
                          ? std::min(comment_at, std::chrono::steady_clock::now() + milliseconds(kHalfClosedCheckMs))
                          : comment_at);
      co_await wake.async_wait(kNoThrow);
    }
    state = box.take();
    const bool quiet = state.bytes.empty() && !state.finished && std::chrono::steady_clock::now() >= comment_at;
    if (half_closed && is_reset(stream.socket())) box.set_gone();
    bool ok = !box.client_gone();
    const bool streams = state.stream != Outbox::Stream::none;
    const bool at_once = state.stream == Outbox::Stream::bytes && !state.reply;  // a head tells that it has begun
    if (ok && streams && !head_written && (!state.bytes.empty() || quiet || half_closed || at_once)) {
      head_written = true;
      ok = co_await write_stream_head(box, request);
      if (ok && request.method == "HEAD") co_return co_await end_of_head(box, keep_alive);
    }
    // A head on its way tells a client that reads on from one that is gone, long before the whole answer is there.
    if (ok && state.accepted && half_closed && !head_written && !state.finished) {
      head_written = true;
      ok = co_await write_early_head(request, keep_alive && more_may_come());
    }
    const bool had_bytes = !state.bytes.empty();
    if (ok && quiet && state.stream == Outbox::Stream::events) state.bytes = ": still at work\n\n";
    if (ok && !state.bytes.empty()) ok = co_await write_piece(std::move(state.bytes));
    if (!ok) box.set_gone();
    if (quiet) wait_ms = milliseconds(shared.options.keep_alive_ms);
    if (quiet || had_bytes) comment_at = std::chrono::steady_clock::now() + wait_ms;
  }
  if (box.client_gone()) co_return false;
  if (!head_written && state.reply) {
    HttpReply reply = std::move(*state.reply);
    co_return co_await write_reply(std::move(reply), request, keep_alive && more_may_come());
  }
  HADAL_CHECK(state.reply || state.stream != Outbox::Stream::none, "{} {} has no answer", request.method,
              request.path());
  if (!head_written) {  // a stream of nothing
    const bool written = co_await write_stream_head(box, request);
    if (!written || request.method == "HEAD") co_return written&& chunked&& keep_alive&& more_may_come();
  }
  co_return co_await finish_stream(std::move(state), keep_alive);
}

// What comes last when the head was written before it.
asio::awaitable<bool> Session::Impl::finish_stream(Outbox::State state, bool keep_alive) {
  if (state.stream == Outbox::Stream::none) {
    std::string body = std::move(state.reply->body);
    const bool written = co_await write_piece(std::move(body));
    if (!written || !chunked) co_return false;  // without chunks the end of the connection is the end of the body
  } else if (state.reply) {                     // an error after the stream had begun
    if (state.stream == Outbox::Stream::bytes) co_return false;  // broken off: the last chunk is missing
    std::string event = "data: " + state.reply->body + "\n\n";
    bool written = co_await write_piece(std::move(event));
    if (!written) co_return false;
  }
  if (!chunked) co_return false;
  bool written = co_await write_raw("0\r\n\r\n");
  co_return written&& keep_alive&& more_may_come();
}

// The answer to HEAD is the head; the handler is told that nobody reads the rest.
asio::awaitable<bool> Session::Impl::end_of_head(Outbox& box, bool keep_alive) {
  box.set_gone();
  while (!box.take().finished) {
    wake.expires_at(std::chrono::steady_clock::time_point::max());
    co_await wake.async_wait(kNoThrow);
  }
  co_return chunked&& keep_alive&& more_may_come();
}

asio::awaitable<bool> Session::Impl::write_reply(HttpReply reply, const HttpRequest& request, bool keep_alive) {
  http::response<http::string_body> response(static_cast<http::status>(reply.status), 11);
  set_headers(response, reply.headers);
  set_headers(response, shared.gate.cors_headers(request));
  if (!reply.content_type.empty()) response.set(http::field::content_type, reply.content_type);
  bool keep = keep_alive && !shared.stopping && !refuse;
  response.keep_alive(keep);
  if (keep && request.http_1_0) response.set(http::field::connection, "keep-alive");
  if (reply.status != 204) response.content_length(reply.body.size());
  if (request.method != "HEAD") response.body() = std::move(reply.body);
  http::response_serializer<http::string_body> serializer(response);
  stream.expires_after(milliseconds(shared.options.write_timeout_ms));
  auto [error, n] = co_await http::async_write(stream, serializer, kNoThrow);
  co_return !error && keep;
}

asio::awaitable<bool> Session::Impl::write_stream_head(Outbox& box, const HttpRequest& request) {
  http::response<http::empty_body> response(http::status::ok, 11);
  set_headers(response, shared.gate.cors_headers(request));
  const HttpReply head = box.stream_head();
  response.set(http::field::content_type, head.content_type);
  for (const auto& [name, value] : head.headers) response.set(name, value);
  chunked = !request.http_1_0;  // which knows no chunks: the end of the connection ends its stream (RFC 9112, 6.1)
  response.keep_alive(chunked && !shared.stopping && !input_left && more_may_come());
  if (chunked) response.chunked(true);
  http::response_serializer<http::empty_body> serializer(response);
  stream.expires_after(milliseconds(shared.options.write_timeout_ms));
  auto [error, n] = co_await http::async_write_header(stream, serializer, kNoThrow);
  co_return !error;
}

// The head of a whole answer before its body, whose length is then not known: the body is a chunk where another answer
// follows it, and else ends with the connection.
asio::awaitable<bool> Session::Impl::write_early_head(const HttpRequest& request, bool keep_alive) {
  http::response<http::empty_body> response(http::status::ok, 11);
  set_headers(response, shared.gate.cors_headers(request));
  response.set(http::field::content_type, "application/json");
  chunked = keep_alive && !request.http_1_0 && !shared.stopping;
  response.keep_alive(chunked);
  if (chunked) response.chunked(true);
  http::response_serializer<http::empty_body> serializer(response);
  stream.expires_after(milliseconds(shared.options.write_timeout_ms));
  auto [error, n] = co_await http::async_write_header(stream, serializer, kNoThrow);
  co_return !error;
}

asio::awaitable<bool> Session::Impl::write_piece(std::string data) {
  if (!chunked) return write_raw(std::move(data));
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
  stream.socket().shutdown(Socket::shutdown_send, ignored);
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
