// Strangers' text where it is shown: no markup, no control, bidi or tag characters, links to http and https alone.
#pragma once

#include <string>
#include <string_view>

#include "research/report.h"  // inert()

namespace hadal::research {

std::string html_text(std::string_view text);      // for text and for attributes within quotes; line breaks stay
std::string markdown_text(std::string_view text);  // one line, in which nothing is markup or becomes a link

// JSON text, in which no string can be taken for markup or does anything to a terminal: such characters are written as
// \u....
std::string inert_json(std::string_view json);

bool is_web_link(std::string_view url);  // that may be followed from a report

}  // namespace hadal::research
