// The frame of a report: web/report.html as it was built, which is inside the program.
#pragma once

#include <string>

#include "base/json.h"

namespace hadal::market {

// A whole document: the title is plain text, the body HTML, with a <figure> of each chart's id. The page's script finds
// the charts as data; without scripts, or in a program that was built without web/, the body stands for itself.
std::string page_of(const std::string& title, const std::string& body, const OrderedJson& charts);

}  // namespace hadal::market
