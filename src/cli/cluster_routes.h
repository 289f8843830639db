// A cluster's API (cluster/api.h) as routes of the server.
#pragma once

#include <functional>
#include <vector>

#include "cluster/api.h"
#include "server/route.h"

namespace hadal {

// `daemon` is asked for at each request; it may give null for as long as there is none yet, which is a 503. On the Unix
// socket the kernel says who asks; elsewhere a request without a token is a 401. All routes are slow.
std::vector<Route> cluster_routes(std::function<cluster::Daemon*()> daemon);

}  // namespace hadal
