// Text that comes from files, made safe to show; characters are code points.
#pragma once

#include <string>
#include <string_view>

namespace hadal::market {

// Each byte of what is not UTF-8 becomes U+FFFD.
std::u32string code_points(std::string_view text);
std::string utf8(std::u32string_view text);

// One line: control characters, line ends and marks that turn the direction of writing become U+FFFD.
std::string one_line(std::string_view text);
// The same as HTML: no character of it is markup, in content or in a quoted attribute.
std::string html(std::string_view text);

}  // namespace hadal::market
