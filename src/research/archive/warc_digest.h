// Digests as WARC files write them: an algorithm, a colon, the hash in base32, hexadecimal or base64.
#pragma once

#include <string>
#include <string_view>

namespace hadal::research {

std::string warc_digest(std::string_view bytes);  // "sha1:" and base32

// False where `digest` names an algorithm that we know and another hash than that of `bytes`.
bool warc_digest_holds(std::string_view digest, std::string_view bytes);

}  // namespace hadal::research
