// What the head of a request says, from Beast's message to ours, and what HTTP forbids in one (RFC 9112).
#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/system/error_code.hpp>
#include <optional>

#include "server/api_error.h"
#include "server/http/http.h"

namespace hadal {

using HeadFields = boost::beast::http::header<true, boost::beast::http::fields>;

HttpRequest request_of(const HeadFields& head);

// The refusal of a head that contradicts itself or asks for what is not there; nothing when it is sound.
std::optional<ApiError> refuse_head(const HeadFields& head);

// A parser's error in our words. `head`: what was read of it; `begin`: the first bytes of the connection's input.
ApiError reading_error(boost::system::error_code error, const HeadFields& head, std::string_view begin,
                       uint64_t max_body_bytes);

constexpr uint32_t kMaxHeaderBytes = 64 << 10;  // cookies of everything else on localhost come along

}  // namespace hadal
