// The web page: one file with everything in it, embedded at build time.
#pragma once

#include <string_view>

namespace hadal {

std::string_view page_html();

}  // namespace hadal
