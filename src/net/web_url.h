// Addresses of http and https as the WHATWG URL Standard parses and writes them (https://url.spec.whatwg.org). What
// goes to libcurl is the href() of such a Url, so that two parsers never see two hosts in one address.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hadal::net {

struct Url {
  std::string scheme;              // "http" or "https"
  std::string username, password;  // percent-encoded
  std::string host;                // ASCII, in lower case; IPv4 as four numbers, IPv6 compressed within brackets
  int port = -1;                   // -1: the scheme's own
  std::string path;                // begins with '/', percent-encoded
  std::optional<std::string> query, fragment;  // without '?' and '#'

  std::string href() const;
  std::string origin() const;  // "https://example.org", "http://example.org:8080"
  int effective_port() const { return port >= 0 ? port : scheme == "https" ? 443 : 80; }
  bool operator==(const Url&) const = default;
};

// None where it is no address, or one of another scheme. `base`: what a relative one is resolved against.
std::optional<Url> parse_url(std::string_view input, const Url* base = nullptr);

}  // namespace hadal::net
