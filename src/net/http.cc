#include "net/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <exception>
#include <memory>
#include <set>

#include "base/text.h"
#include "net/retry.h"
#include "net/url.h"

namespace hadal::net {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kMaxHeaderBytes = 256 << 10;
constexpr size_t kMaxRedirectBytes = 64 << 10;  // of the page that comes with a redirect, which is ignored

int64_t milliseconds_since(Clock::time_point then) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - then).count();
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool has_body_of_its_own(const TransferRequest& request) { return request.method != "GET" && request.method != "HEAD"; }

Address address_of(const sockaddr& from) {
  Address address;
  if (from.sa_family == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, &from, sizeof(in));
    address.v6 = true;
    address.port = ntohs(in.sin6_port);
    std::memcpy(address.bytes.data(), &in.sin6_addr, 16);
  } else {
    sockaddr_in in;
    std::memcpy(&in, &from, sizeof(in));
    address.port = ntohs(in.sin_port);
    std::memcpy(address.bytes.data(), &in.sin_addr, 4);
  }
  return address;
}

// Frees what curl_slist_append() made.
struct List {
  List() = default;
  ~List() { curl_slist_free_all(items); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  void add(const std::string& line) { items = curl_slist_append(items, line.c_str()); }
  curl_slist* items = nullptr;
};

}  // namespace

std::string Address::text() const {
  char out[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), out, sizeof(out));
  return out;
}

std::string TransferReply::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

int64_t TransferReply::number(const std::string& name) const {
  const std::string text = header(name);
  int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0 ? value : -1;
}

// What the callbacks of one hop share.
struct HttpSession::Exchange {
  const TransferRequest* request = nullptr;
  const AddressGuard* guard = nullptr;
  CURL* handle = nullptr;
  int64_t stall_timeout_ms = 0;
  Clock::time_point deadline = Clock::time_point::max();
  TransferReply reply;
  std::string host, refusal;  // the guard's last
  std::string content;        // of the request, the part of a piece that is not yet sent
  size_t header_bytes = 0;
  uint64_t body_bytes = 0;
  bool head_done = false, unwanted = false, stalled = false;
  Clock::time_point last_byte = Clock::now();
  std::exception_ptr failure;  // must not fly through C

  // Called when the headers are complete: before the first byte of the body, and after an answer without one.
  bool wants_body() {
    if (!head_done) {
      head_done = true;
      long status = 0;
      curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
      reply.status = static_cast<int>(status);
      char* peer = nullptr;
      curl_easy_getinfo(handle, CURLINFO_PRIMARY_IP, &peer);
      if (peer != nullptr) reply.peer = peer;
      unwanted = !is_redirect(reply.status) && request->head && !request->head(reply);
    }
    return !unwanted;
  }

  static size_t on_header(char* data, size_t size, size_t count, void* self) {
    auto& e = *static_cast<Exchange*>(self);
    e.last_byte = Clock::now();
    std::string_view line(data, size * count);
    if ((e.header_bytes += line.size()) > kMaxHeaderBytes) return 0;
    if (line.starts_with("HTTP/")) e.reply.headers.clear(), e.reply.head.clear();  // an interim answer came before
    if (!e.head_done) e.reply.head += line;
    if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
      e.reply.headers[lower_case(std::string(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
    }
    return size * count;
  }

  static size_t on_body(char* data, size_t size, size_t count, void* self) {
    auto& e = *static_cast<Exchange*>(self);
    e.last_byte = Clock::now();
    try {
      const bool wanted = e.wants_body();
      e.body_bytes += size * count;
      if (is_redirect(e.reply.status) && e.body_bytes <= kMaxRedirectBytes) return size * count;
      if (wanted && !is_redirect(e.reply.status)) e.check_size();
      if (wanted && !is_redirect(e.reply.status) && e.request->body && e.request->body({data, size * count}))
        return size * count;
      e.unwanted = true;
    } catch (...) {
      e.failure = std::current_exception();
    }
    return 0;
  }

  void check_size() const {
    if (request->max_bytes == 0 || body_bytes <= request->max_bytes) return;
    fail("{}: expected an answer of at most {} bytes, found more", url_shown(reply.url), request->max_bytes);
  }

  static size_t on_content(char* data, size_t size, size_t count, void* self) {
    auto& e = *static_cast<Exchange*>(self);
    e.last_byte = Clock::now();
    try {
      if (e.content.empty()) e.content = e.request->next_content();
      const size_t taken = std::min(size * count, e.content.size());
      std::memcpy(data, e.content.data(), taken);
      e.content.erase(0, taken);
      return taken;
    } catch (...) {
      e.failure = std::current_exception();
      return CURL_READFUNC_ABORT;
    }
  }

  static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* to) {
    auto& e = *static_cast<Exchange*>(self);
    try {
      const bool internet = to->family == AF_INET || to->family == AF_INET6;
      const Address address = internet ? address_of(to->addr) : Address();
      std::string refusal = "it is no address of the internet";
      if (purpose == CURLSOCKTYPE_IPCXN && internet) refusal = (*e.guard)(address, e.host);
      if (refusal.empty()) return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
      e.refusal = fmt::format("{}: {}", address.text(), refusal);
    } catch (...) {
      e.failure = std::current_exception();
    }
    return CURL_SOCKET_BAD;
  }

  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto& e = *static_cast<Exchange*>(self);
    e.stalled = milliseconds_since(e.last_byte) > e.stall_timeout_ms;
    if (e.request->stopped && e.request->stopped()) e.unwanted = true;
    return e.stalled || e.unwanted || e.failure ? 1 : 0;
  }
};

HttpSession::HttpSession(HttpOptions options, HttpSecret secret) : options_(options), secret_(std::move(secret)) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  curl_ = ready == CURLE_OK ? curl_easy_init() : nullptr;
  HADAL_CHECK(curl_ != nullptr, "libcurl does not start");
}

HttpSession::~HttpSession() { curl_easy_cleanup(curl_); }

namespace {

// Failures that no second try repairs.
bool is_final(CURLcode code) {
  static const std::set<CURLcode> codes = {
      CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_PEER_FAILED_VERIFICATION,
      CURLE_SSL_CACERT_BADFILE,   CURLE_OUT_OF_MEMORY, CURLE_NOT_BUILT_IN};
  return codes.contains(code);
}

}  // namespace

void HttpSession::exchange(const std::string& url, const TransferRequest& request, Exchange& state) {
  CURL* curl = curl_;
  curl_easy_reset(curl);  // keeps connections
  List headers, resolved;
  for (const auto& header : request.headers) headers.add(header);
  if (has_token() && url_origin(url) == url_origin(secret_.url)) headers.add("Authorization: Bearer " + secret_.token);
  for (const auto& entry : options_.resolve) resolved.add(entry);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "hadal");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout_ms));
  if (request.compressed) curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
  if (resolved.items != nullptr) curl_easy_setopt(curl, CURLOPT_RESOLVE, resolved.items);
  if (!options_.proxy.empty()) {
    curl_easy_setopt(curl, CURLOPT_PROXY, options_.proxy.c_str());
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "");  // nor the environment's exceptions
  } else if (options_.direct || options_.guard || !options_.unix_socket.empty()) {
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  }
  if (!options_.unix_socket.empty()) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, options_.unix_socket.c_str());
  if (options_.guard) {
    state.guard = &options_.guard;
    state.host = url_host(url);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, &Exchange::on_open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &state);
  }
  if (request.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (has_body_of_its_own(request)) {
    const bool pieces = static_cast<bool>(request.next_content);
    const int64_t bytes = pieces ? request.content_bytes : static_cast<int64_t>(request.content.size());
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(bytes));
    if (!pieces) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.content.data());
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, &Exchange::on_content);
    curl_easy_setopt(curl, CURLOPT_READDATA, &state);
    if (bytes < 0) headers.add("Transfer-Encoding: chunked");
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.items);
  perform(url, state);
}

void HttpSession::perform(const std::string& url, Exchange& state) {
  CURL* curl = curl_;
  char message[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &state);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &state);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Exchange::on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &state);
  if (state.deadline != Clock::time_point::max()) {
    const int64_t left_ms = std::max<int64_t>(1, -milliseconds_since(state.deadline));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(left_ms));
  }
  const CURLcode code = curl_easy_perform(curl);

  if (state.failure) std::rethrow_exception(state.failure);
  if (state.unwanted) return;
  // curl counts whole milliseconds.
  if (code == CURLE_OPERATION_TIMEDOUT && Clock::now() + std::chrono::milliseconds(20) >= state.deadline) {
    fail("{}: expected the whole answer within {:.1f} s, found none", url_shown(state.request->url),
         static_cast<double>(state.request->max_ms) / 1000);
  }
  if (state.stalled) {
    throw TransferError(fmt::format("{}: the server sent nothing for {:.0f} s; is the network up?", url_shown(url),
                                    static_cast<double>(options_.stall_timeout_ms) / 1000));
  }
  if (state.header_bytes > kMaxHeaderBytes) fail("{}: expected an HTTP answer, found endless headers", url_shown(url));
  if (code == CURLE_OK) return;
  if (code == CURLE_COULDNT_CONNECT && !state.refusal.empty())
    throw AddressRefused(fmt::format("{}: no connection may go to {}", url_shown(url), state.refusal));
  const std::string what = fmt::format("{}: {}", url_shown(url), *message != '\0' ? message : curl_easy_strerror(code));
  if (is_final(code)) fail("{}", what);
  throw TransferError(what);
}

void HttpSession::ask_guard(const Url& url) const {
  if (!options_.url_guard) return;
  if (const std::string why = options_.url_guard(url); !why.empty())
    throw AddressRefused(fmt::format("{}: nothing is fetched from {}", url_shown(url.href()), why));
}

TransferReply HttpSession::send(const TransferRequest& request) {
  auto at = parse_url(request.url);
  if (!at) fail("{}: expected an address that begins with http:// or https://", brief(url_shown(request.url)));
  std::vector<TransferReply> redirects;
  auto deadline = Clock::time_point::max();
  if (request.max_ms > 0) deadline = Clock::now() + std::chrono::milliseconds(request.max_ms);
  for (int hop = 0;; ++hop) {
    at->fragment.reset();  // not the server's business
    ask_guard(*at);
    const std::string url = at->href();
    Exchange state;
    state.request = &request;
    state.handle = curl_;
    state.stall_timeout_ms = options_.stall_timeout_ms;
    state.deadline = deadline;
    state.reply.url = url;
    state.reply.redirects = redirects;
    exchange(url, request, state);
    state.wants_body();
    if (!is_redirect(state.reply.status) || !request.follow) return std::move(state.reply);
    if (has_body_of_its_own(request)) fail("{}: expected an answer, found a redirection", url_shown(url));

    if (state.body_bytes > kMaxRedirectBytes)
      fail("{}: expected a redirection, found one with a page of more than {} KiB", url_shown(url),
           kMaxRedirectBytes >> 10);
    const std::string location = state.reply.header("location");
    if (location.empty()) fail("{}: status {} without an address to continue at", url_shown(url), state.reply.status);
    auto next = parse_url(location, &*at);
    if (!next)
      fail("{}: expected an address of http or https to continue at, found {}", url_shown(url),
           brief(url_shown(location)));
    const std::string target = next->href();
    if (hop >= options_.max_redirects) {
      fail("{}: redirected more than {} times, last to {}; is it a circle?", url_shown(request.url),
           options_.max_redirects, url_shown(target));
    }
    if (at->scheme == "https" && next->scheme != "https") {
      fail("{}: redirects to {}, which is not encrypted; refused", url_shown(url), url_shown(target));
    }
    at = std::move(next);
    state.reply.redirects.clear();
    redirects.push_back(std::move(state.reply));
  }
}

std::string HttpSession::get_text(const std::string& url, size_t max_bytes, const Explain& explain,
                                  TransferReply* reply_out) {
  for (Patience patience(options_);;) {
    try {
      std::string text;
      TransferRequest request;
      request.url = url;
      request.max_bytes = max_bytes;
      request.body = [&](std::string_view piece) {
        text += piece;
        return true;
      };
      const TransferReply reply = send(request);
      throw_if_busy(reply);
      if (reply.status != 200) throw Error(explain(reply));
      if (reply_out != nullptr) *reply_out = reply;
      return text;
    } catch (const TransferError& error) {
      patience.wait(error);
    }
  }
}

}  // namespace hadal::net
