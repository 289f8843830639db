// Markets, runs and paper accounts over HTTP, to be looked at: no route changes anything. They stand under markets/ and
// runs/ of the working folder; a request names one of them, never a path.
//
//   GET /api/markets               list, with the health of each
//   GET /api/markets/{name}        one: instruments, checks, tries
//   GET /api/runs                  list, the last changed first
//   GET /api/runs/{id}             figures, charts and memo; ?series=0 leaves out what grows with the data
//   GET /api/runs/{id}/report.html the report, which may run its own script and nothing else
//   GET /api/paper                 names of the paper accounts
//   GET /api/paper/{id}            server-sent events: the status, again whenever it changed, without an end
#pragma once

#include <vector>

#include "server/route.h"

namespace hadal {

std::vector<Route> market_routes();  // all are slow: each answers on a thread of its own

}  // namespace hadal
