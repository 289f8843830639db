// The HTTP client, through libcurl, for servers that are not trusted. libcurl gets addresses as parse_url() wrote them,
// so that the guards and it see the same host. No cookies, no .netrc, nothing but http and https. Redirects are
// followed here, hop by hop: a secret goes to its own origin and to no other, each hop meets the address guard, and the
// reply lists them. A session belongs to one thread; connections are kept between calls.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/web_url.h"

namespace hadal::net {

// Where a connection is about to go.
struct Address {
  bool v6 = false;
  std::array<uint8_t, 16> bytes = {};  // in network order; of IPv4 the first four
  int port = 0;

  std::string text() const;  // "127.0.0.1", "2001:db8::1"
};

// Why no connection may go to `address`; "" lets it pass. Asked about the very address that is connected to, after the
// name was resolved, so that no second look-up can give another. `host`: as the URL names it.
using AddressGuard = std::function<std::string(const Address& address, const std::string& host)>;

// Why nothing may be fetched from there; "" lets it pass. Asked before the name is looked up, again at each
// redirection.
using UrlGuard = std::function<std::string(const Url& url)>;

struct HttpOptions {
  int64_t connect_timeout_ms = 20'000;
  int64_t stall_timeout_ms = 60'000;  // longest time without a byte
  int max_redirects = 8;
  bool direct = false;                // past any proxy that the environment names
  std::string unix_socket = {};       // connect to this file in place of the URL's host; implies `direct`
  std::string proxy = {};             // one to go through, "http://host:port", in place of the environment's
  int max_failures = 6;               // in a row, without progress; then the last one is thrown
  int64_t first_wait_ms = 1000;       // between failures: doubled each time
  int64_t longest_wait_ms = 120'000;  // a server that asks for more (Retry-After) is an Error
  AddressGuard guard = {};            // implies `direct`; with `proxy` it sees the proxy alone
  UrlGuard url_guard = {};
  std::vector<std::string> resolve = {};  // "host:port:address[,address]": names that are not looked up
};

// What may succeed when tried again: a connection that broke, a server that is busy.
class TransferError : public Error {
 public:
  explicit TransferError(const std::string& what, int64_t wait = 0) : Error(what), wait_ms(wait) {}
  int64_t wait_ms;  // the least time to wait, as the server asked
};

// A guard refused the address, or let none of the host's addresses pass.
class AddressRefused : public Error {
 public:
  using Error::Error;
};

struct TransferReply {
  int status = 0;
  std::string url;                             // after redirects
  std::string peer;                            // the address that was connected to
  std::string head;                            // as it came: status line, headers, the empty line
  std::map<std::string, std::string> headers;  // of it; names in lower case
  std::vector<TransferReply> redirects;        // the answers on the way, the first one first

  std::string header(const std::string& name) const;  // "" when absent
  int64_t number(const std::string& name) const;      // -1 when absent or no number
};

struct TransferRequest {
  std::string url;
  std::vector<std::string> headers = {};                // "Range: bytes=5-"
  std::function<bool(const TransferReply&)> head = {};  // once, before the body; false: skip the rest
  std::function<bool(std::string_view)> body = {};      // the next piece; false: skip the rest
  std::string method = "GET";                           // only GET and HEAD follow redirects
  bool follow = true;                                   // false: a redirect is an answer, whose body is skipped
  std::string content = {};                             // sent as the body of the request
  std::function<std::string()> next_content = {};       // or in pieces: the next one, "" at the end
  int64_t content_bytes = -1;                           // of all those pieces; -1: not known
  std::function<bool()> stopped = {};                   // asked about once a second while nothing comes; true: cancel
  bool compressed = false;                              // takes gzip and deflate; `body` gets what was compressed
  uint64_t max_bytes = 0;                               // of the body, decompressed; more is an Error; 0: any
  int64_t max_ms = 0;  // of the whole exchange, redirects included; more is an Error; 0: any
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

  // One request; no other thread, but head, body, next_content and stopped are called on this one. TransferError when
  // the connection broke, before or in the middle of the body; AddressRefused by the guard; Error when the address is
  // no HTTP, its certificate is not valid, it redirects in a circle, or a limit is passed. Exceptions of the functions
  // pass through. When the rest is skipped, it returns what the reply says so far.
  TransferReply send(const TransferRequest& request);

  // The whole body of an answer with status 200, tried again while that may help. Others are an Error by `explain`.
  using Explain = std::function<std::string(const TransferReply&)>;
  std::string get_text(const std::string& url, size_t max_bytes, const Explain& explain,
                       TransferReply* reply = nullptr);

  const HttpOptions& options() const { return options_; }
  bool has_token() const { return !secret_.token.empty(); }

 private:
  struct Exchange;
  void ask_guard(const Url& url) const;
  void exchange(const std::string& url, const TransferRequest& request, Exchange& state);
  void perform(const std::string& url, Exchange& state);
  HttpOptions options_;
  HttpSecret secret_;
  void* curl_;
};

}  // namespace hadal::net
