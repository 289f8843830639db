// The cluster's web page: one file with everything in it, embedded at build time (web/cluster.html).
#pragma once

#include <string_view>

namespace hadal::cluster {

std::string_view cluster_page();

}  // namespace hadal::cluster
