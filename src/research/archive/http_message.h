// HTTP messages as archives hold them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace hadal::research {

class BodyTooLarge : public Error {
 public:
  using Error::Error;
};

size_t end_of_head(std::string_view block);  // past its empty line; npos where there is none

// What a chunked body holds; none where it is not chunked. Of one that is cut off, or broken later on, what came.
std::optional<std::string> join_chunks(std::string_view body);

// A body whose Content-Encoding is `encodings` ("gzip", "deflate, gzip"), decoded. Error for another encoding, for
// broken bytes, BodyTooLarge for more than max_bytes. One that is not packed, though its head says so, comes back as it
// is.
std::string decode_content(std::string body, const std::string& encodings, uint64_t max_bytes);

}  // namespace hadal::research
