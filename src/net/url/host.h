// The host parser of the URL Standard, for special schemes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hadal::net {

// A domain in ASCII and lower case, four numbers, or an IPv6 address in brackets; none where it is no host. `input`:
// valid UTF-8, still percent-encoded. Names beyond ASCII of more than 8 KiB, which no resolver knows, are none too.
std::optional<std::string> parse_host(std::string_view input);

}  // namespace hadal::net
