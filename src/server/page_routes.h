// The web page: one file with everything in it, embedded at build time.
#pragma once

#include <vector>

#include "server/route.h"

namespace hadal {

std::vector<Route> page_routes();  // GET / and /index.html

}  // namespace hadal
