// Who may ask: the API key, and for a server without keys the guard against web pages that reach for it. A page from
// elsewhere can make a browser send requests to 127.0.0.1, directly (its Origin shows) or under a name of its own that
// resolves there (DNS rebinding; the Host shows).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/exchange.h"

namespace hadal {

class Gate {
 public:
  // An allowed origin of "*" means every page. `loopback`: the server is bound to a loopback address, so only loopback
  // names are its own. `methods`: those that pages of other origins may use ("GET, HEAD, POST, OPTIONS").
  // `handlers_ask`: for a token that no page of another origin has, so that all may pass to them.
  Gate(std::vector<std::string> api_keys, std::vector<std::string> allowed_origins, bool loopback, std::string methods,
       bool handlers_ask = false)
      : api_keys_(std::move(api_keys)),
        allowed_origins_(std::move(allowed_origins)),
        methods_(std::move(methods)),
        loopback_(loopback),
        handlers_ask_(handlers_ask) {}

  // The refusal, or nothing when the request may pass. `auth`: its route asks for the key. The body is not looked at.
  // No page reaches the Unix socket, and the mode of its file says who may: everything from there passes.
  std::optional<HttpReply> refuse(const HttpRequest& request, bool auth) const;

  // Headers that let an allowed origin read the reply, and for its preflight what it may send: whatever it asks for,
  // since clients add headers of their own (x-stainless-lang, ...) and none of them means anything here. None for
  // anyone else.
  HttpHeaders cors_headers(const HttpRequest& request) const;

 private:
  bool has_key(std::string_view authorization) const;
  bool origin_allowed(std::string_view origin) const;

  std::vector<std::string> api_keys_, allowed_origins_;
  std::string methods_;
  bool loopback_, handlers_ask_;
};

// An origin as browsers send it, from what a person wrote: "http://LocalHost:3000/" is "http://localhost:3000"; "*" and
// "null" are themselves. Throws Error for what is none.
std::string normal_origin(std::string_view origin);

// "[::1]:8080" and "LOCALHOST:8080" and "127.0.0.1" name this machine; "evil.example" does not.
bool is_loopback_host(std::string_view host);

}  // namespace hadal
