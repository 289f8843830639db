// Bytes as text (RFC 4648, with its padding).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hadal {

std::string base64(std::string_view bytes);
std::optional<std::string> bytes_of_base64(std::string_view text);  // none: it is no base64

}  // namespace hadal
