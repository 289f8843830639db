// HTTP requests through libcurl, for downloads from servers that nobody vouches for. Redirects are followed here, hop
// by hop, because two things depend on the hop: a secret goes to its own origin and to no other, and the hub says what
// a file is (X-Linked-ETag) in the answer that redirects. A session belongs to one thread; connections are kept between
// calls.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace hadal::net {

struct HttpOptions {
  int64_t connect_timeout_ms = 20'000;
  int64_t stall_timeout_ms = 60'000;  // longest time without a byte
  int max_redirects = 8;
  bool direct = false;                // past any proxy that the environment names
  int max_failures = 6;               // in a row, without progress; then the last one is thrown
  int64_t first_wait_ms = 1000;       // between failures: doubled each time
  int64_t longest_wait_ms = 120'000;  // a server that asks for more (Retry-After) is an Error
};

// What may succeed when tried again: a connection that broke, a server that is busy.
class TransferError : public Error {
 public:
  explicit TransferError(const std::string& what, int64_t wait = 0) : Error(what), wait_ms(wait) {}
  int64_t wait_ms;  // the least time to wait, as the server asked
};

struct TransferReply {
  int status = 0;
  std::string url;                             // after redirects
  std::map<std::string, std::string> headers;  // names in lower case
  // Of the redirects on the way too: X-Linked-ETag, without quotes; "" when no answer had it.
  std::string linked_etag;

  std::string header(const std::string& name) const;  // "" when absent
  int64_t number(const std::string& name) const;      // -1 when absent or no number
};

struct TransferRequest {
  std::string url;
  std::vector<std::string> headers;                // "Range: bytes=5-"
  std::function<bool(const TransferReply&)> head;  // once, before the body; false: the rest is not wanted
  std::function<bool(std::string_view)> body;      // false: the rest is not wanted
  std::string post = {};                           // sent as the body of a POST; "": a GET
  std::function<bool()> stopped = {};  // asked about once a second while nothing comes; true: not wanted any more
};

struct HttpSecret {
  std::string token;  // "" for none; sent as a bearer token to the origin of `url` alone
  std::string url;
};

class HttpSession {
 public:
  explicit HttpSession(HttpOptions options = {}, HttpSecret secret = {});
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  // One request. TransferError when the connection broke, before or in the middle of the body; Error when the address
  // is no HTTP, its certificate is not valid, or it redirects in a circle; a POST that is redirected is an Error too.
  // Exceptions of head and body pass through.
  TransferReply send(const TransferRequest& request);

  // The whole body of an answer with status 200, tried again while that may help. Others are an Error by `explain`.
  using Explain = std::function<std::string(const TransferReply&)>;
  std::string get_text(const std::string& url, size_t max_bytes, const Explain& explain,
                       TransferReply* reply = nullptr);

  const HttpOptions& options() const { return options_; }
  bool has_token() const { return !secret_.token.empty(); }

 private:
  struct Exchange;
  void exchange(const std::string& url, const TransferRequest& request, Exchange& state);
  HttpOptions options_;
  HttpSecret secret_;
  void* curl_;
};

// Counts failures in a row and waits between them.
class Patience {
 public:
  explicit Patience(const HttpOptions& options) : options_(options) {}
  void progress() { failures_ = 0; }
  void wait(const TransferError& error);  // throws the error once there were too many

 private:
  HttpOptions options_;
  int failures_ = 0;
};

// 408, 429 and 5xx, with the server's Retry-After, as something to try again; others return.
void throw_if_busy(const TransferReply& reply);

std::string url_escape(std::string_view text, bool keep_slashes);
std::string url_unescape(std::string_view text);
std::string url_origin(const std::string& url);  // "https://host:443"; Error when it is no http(s) address
std::string url_shown(const std::string& url);   // for messages: without query and password, which may be secrets
std::string url_path(const std::string& url);    // "/a/b", still escaped, without query

}  // namespace hadal::net
