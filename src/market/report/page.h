// The frame and the style of a report.
#pragma once

#include <string>

namespace hadal::market {

// A whole document around the body; the title is plain text.
std::string page_of(const std::string& title, const std::string& body);

}  // namespace hadal::market
