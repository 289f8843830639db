// Bytes in JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hadal::cluster {

std::string base64(std::string_view bytes);
std::optional<std::string> bytes_of_base64(std::string_view text);  // none: it is no base64

}  // namespace hadal::cluster
