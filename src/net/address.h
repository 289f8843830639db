// Which addresses a program that follows strangers' links may connect to: those of the public internet. Sources: IANA's
// special-purpose registries, RFC 3056, 4291, 4380, 6052, 6761, 9637, the Fetch Standard's bad ports.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"
#include "net/web_url.h"

namespace hadal::net {

std::optional<Address> parse_address(std::string_view text);  // "192.0.2.1", "2001:db8::1", "[::1]"; port 0

// Why no connection may go there ("private", "link local"); "" for a public address. An IPv4 address inside an IPv6 one
// is judged as itself.
std::string address_refusal(const Address& address);

// Why no fetch may begin at this address: special names, credentials, ports, lengths; "" where it may. An address
// that stands as the host is judged as above; other names only after they were resolved, by public_only().
std::string url_refusal(const Url& url);

// What the operator excepted: "127.0.0.1:8888", "localhost:8080", "[::1]:80"; Error where it is no HOST:PORT.
class AllowList {
 public:
  AllowList() = default;
  explicit AllowList(const std::vector<std::string>& host_ports);
  bool contains(std::string_view host, int port) const;                  // the host as it stands in the address
  const std::vector<std::string>& texts() const { return host_ports_; }  // as AllowList takes them
 private:
  std::vector<std::string> host_ports_;
};

// The guards of such a program, which belong together (HttpOptions::url_guard and ::guard): public addresses, and those
// that were excepted by host and port. Lengths and credentials have no exception.
UrlGuard public_urls(AllowList allowed = {});
AddressGuard public_only(AllowList allowed = {});

}  // namespace hadal::net
