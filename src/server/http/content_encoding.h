// Bodies that a client has compressed (Content-Encoding).
#pragma once

#include <cstdint>
#include <string>

#include "server/exchange.h"

namespace hadal {

// The body as it was before "gzip" or "deflate"; other codings are an ApiError (415), a body that is not what it says
// (400), and one that becomes larger than `max_bytes` (413), which is noticed before it takes more memory than that.
// The result lies in `decoded`, or in the request where there is nothing to decode.
std::string_view decoded_body(const HttpRequest& request, uint64_t max_bytes, std::string& decoded);

}  // namespace hadal
