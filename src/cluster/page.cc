#include "cluster/page.h"

#include "base/embed.h"

#ifndef HADAL_CLUSTER_FILE
#error "src/cluster/CMakeLists.txt defines HADAL_CLUSTER_FILE: the page to embed"
#endif

HADAL_EMBED(cluster_page, HADAL_CLUSTER_FILE);

namespace hadal::cluster {

std::string_view cluster_page() { return HADAL_EMBEDDED(cluster_page); }

}  // namespace hadal::cluster
