// What HTTP forbids in the head of a request (RFC 9112), and what a refusal says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/api_error.h"
#include "server/exchange.h"

namespace hadal {

constexpr uint32_t kMaxHeaderBytes = 64 << 10;  // cookies of everything else on localhost come along

// Fills what the headers say of the request (host, origin, ...). `target`: as sent.
void take_head(HttpRequest& request, std::string_view target);

// The refusal of a head that contradicts itself or asks for what is not there; nothing when it is sound. `probe`: the
// route is one for load balancers.
std::optional<ApiError> refuse_head(const HttpRequest& request, bool probe);

// Why a request cannot be read.
enum class HeadFault {
  body_limit,
  header_limit,
  method,
  target,
  version,
  content_length,
  many_lengths,
  transfer_encoding,
  chunk,
  other
};

// A fault in our words. `request`: what was read of its head; `begin`: the first bytes of the connection's input.
ApiError reading_error(HeadFault fault, const HttpRequest& request, std::string_view begin, uint64_t max_body_bytes);

// The parts of a target in absolute form ("http://host:80/path", as proxies are asked); `authority` is "" for another.
struct Target {
  std::string authority, path;
};
Target split_target(std::string_view target);

}  // namespace hadal
