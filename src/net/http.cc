#include "net/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <exception>
#include <set>
#include <thread>

#include "base/log.h"

namespace hadal::net {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kMaxHeaderBytes = 256 << 10;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

int64_t milliseconds_since(Clock::time_point then) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - then).count();
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string url_part(const std::string& url, CURLUPart part, unsigned flags = 0) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  char* text = nullptr;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), part, &text, flags) != CURLUE_OK) {
    fail("{}: expected an address like https://host/path, found something else", url);
  }
  const std::unique_ptr<char, decltype(&curl_free)> owner(text, curl_free);
  return text;
}

}  // namespace

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
  CURL* handle = nullptr;
  int64_t stall_timeout_ms = 0;
  TransferReply reply;
  size_t header_bytes = 0;
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
      std::string etag = reply.header("x-linked-etag");
      std::erase(etag, '"');
      if (!etag.empty()) reply.linked_etag = etag;
      unwanted = !is_redirect(reply.status) && request->head && !request->head(reply);
    }
    return !unwanted;
  }

  static size_t on_header(char* data, size_t size, size_t count, void* self) {
    auto& e = *static_cast<Exchange*>(self);
    e.last_byte = Clock::now();
    std::string_view line(data, size * count);
    if ((e.header_bytes += line.size()) > kMaxHeaderBytes) return 0;
    if (line.starts_with("HTTP/")) e.reply.headers.clear();  // an interim answer (100) came before
    if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
      e.reply.headers[lower(std::string(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
    }
    return size * count;
  }

  static size_t on_body(char* data, size_t size, size_t count, void* self) {
    auto& e = *static_cast<Exchange*>(self);
    e.last_byte = Clock::now();
    try {
      const bool wanted = e.wants_body();
      if (is_redirect(e.reply.status)) return size * count;  // its page is for people
      if (wanted && e.request->body && e.request->body({data, size * count})) return size * count;
      e.unwanted = true;
    } catch (...) {
      e.failure = std::current_exception();
    }
    return 0;
  }

  static int on_progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto& e = *static_cast<Exchange*>(self);
    e.stalled = milliseconds_since(e.last_byte) > e.stall_timeout_ms;
    if (e.request->stopped && e.request->stopped()) e.unwanted = true;
    return e.stalled || e.unwanted ? 1 : 0;
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
  curl_slist* headers = nullptr;
  for (const auto& header : request.headers) headers = curl_slist_append(headers, header.c_str());
  if (has_token() && url_origin(url) == url_origin(secret_.url)) {
    headers = curl_slist_append(headers, ("Authorization: Bearer " + secret_.token).c_str());
  }
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> owner(headers, curl_slist_free_all);
  char message[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "hadal");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout_ms));
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &state);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Exchange::on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &state);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Exchange::on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &state);
  if (!request.post.empty()) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.post.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.post.size()));
  }
  if (options_.direct) curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  const CURLcode code = curl_easy_perform(curl);

  if (state.failure) std::rethrow_exception(state.failure);
  if (state.unwanted) return;
  if (state.stalled) {
    throw TransferError(fmt::format("{}: the server sent nothing for {:.0f} s; is the network up?", url_shown(url),
                                    static_cast<double>(options_.stall_timeout_ms) / 1000));
  }
  if (state.header_bytes > kMaxHeaderBytes) fail("{}: expected an HTTP answer, found endless headers", url_shown(url));
  if (code == CURLE_OK) return;
  const std::string what = fmt::format("{}: {}", url_shown(url), *message != '\0' ? message : curl_easy_strerror(code));
  if (is_final(code)) fail("{}", what);
  throw TransferError(what);
}

TransferReply HttpSession::send(const TransferRequest& request) {
  std::string url = request.url, linked_etag;
  for (int hop = 0;; ++hop) {
    url_origin(url);  // refuses what is no http(s)
    Exchange state;
    state.request = &request;
    state.handle = curl_;
    state.stall_timeout_ms = options_.stall_timeout_ms;
    state.reply.url = url;
    state.reply.linked_etag = linked_etag;
    exchange(url, request, state);
    state.wants_body();
    linked_etag = state.reply.linked_etag;
    if (!is_redirect(state.reply.status)) return std::move(state.reply);
    if (!request.post.empty()) fail("{}: expected an answer, found a redirection", url_shown(url));

    char* next = nullptr;
    curl_easy_getinfo(curl_, CURLINFO_REDIRECT_URL, &next);
    if (next == nullptr) fail("{}: status {} without an address to go on to", url_shown(url), state.reply.status);
    const std::string target = next;
    if (hop >= options_.max_redirects) {
      fail("{}: redirected more than {} times, last to {}; is it a circle?", url_shown(request.url),
           options_.max_redirects, url_shown(target));
    }
    if (url.starts_with("https:") && !target.starts_with("https:")) {
      fail("{}: redirects to {}, which is not encrypted; refused", url_shown(url), url_shown(target));
    }
    url = target;
  }
}

std::string HttpSession::get_text(const std::string& url, size_t max_bytes, const Explain& explain,
                                  TransferReply* reply_out) {
  for (Patience patience(options_);;) {
    try {
      std::string text;
      TransferRequest request;
      request.url = url;
      request.body = [&](std::string_view piece) {
        if (text.size() + piece.size() > max_bytes) {
          fail("{}: expected an answer of at most {} bytes, found more", url_shown(url), max_bytes);
        }
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

void Patience::wait(const TransferError& error) {
  if (++failures_ >= options_.max_failures) {
    if (failures_ == 1) throw Error(error.what());
    throw Error(fmt::format("{} (given up after {} tries)", error.what(), failures_));
  }
  if (error.wait_ms > options_.longest_wait_ms) {
    fail("{}; it asks to wait {} s: try again then", error.what(), error.wait_ms / 1000);
  }
  const int64_t backoff = options_.first_wait_ms << std::min(failures_ - 1, 10);
  const int64_t wait_ms = std::min(options_.longest_wait_ms, std::max(backoff, error.wait_ms));
  log_info("{}; trying again in {:.1f} s", error.what(), static_cast<double>(wait_ms) / 1000);
  std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
}

void throw_if_busy(const TransferReply& reply) {
  if (reply.status != 408 && reply.status != 429 && reply.status < 500) return;
  int64_t wait_s = reply.number("retry-after");
  if (wait_s < 0) {  // or a date
    const time_t date = curl_getdate(reply.header("retry-after").c_str(), nullptr);
    wait_s = date < 0 ? 0 : std::max<int64_t>(0, date - std::time(nullptr));
  }
  const char* what = reply.status == 429 ? "the server says: too many requests" : "the server has trouble";
  throw TransferError(fmt::format("{}: {} (status {})", url_shown(reply.url), what, reply.status),
                      std::min<int64_t>(wait_s, 1 << 30) * 1000);
}

std::string url_escape(std::string_view text, bool keep_slashes) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        std::isalnum(static_cast<unsigned char>(c)) || std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain || (c == '/' && keep_slashes))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string url_unescape(std::string_view text) {
  int length = 0;
  const std::unique_ptr<char, decltype(&curl_free)> plain(
      curl_easy_unescape(nullptr, text.data(), static_cast<int>(text.size()), &length), curl_free);
  return plain ? std::string(plain.get(), static_cast<size_t>(length)) : std::string(text);
}

std::string url_origin(const std::string& url) {
  const std::string scheme = lower(url_part(url, CURLUPART_SCHEME));
  if (scheme != "http" && scheme != "https") fail("{}: expected an address that begins with http:// or https://", url);
  return fmt::format("{}://{}:{}", scheme, lower(url_part(url, CURLUPART_HOST)),
                     url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::string url_shown(const std::string& url) {
  const size_t scheme = url.find("://"), host = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t end = std::min(url.find_first_of("/?#", host), url.size()), at = url.rfind('@', end);
  const std::string open = at != std::string::npos && at >= host ? url.substr(0, host) + url.substr(at + 1) : url;
  return open.substr(0, open.find_first_of("?#"));
}

std::string url_path(const std::string& url) { return url_part(url, CURLUPART_PATH); }

}  // namespace hadal::net
