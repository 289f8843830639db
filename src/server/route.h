// What a server answers: a table of routes. Each module makes its own (openai_routes(), page_routes()) and `cli` gives
// them all to one Server. HEAD, OPTIONS, 404 and 405 follow from the table.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "server/exchange.h"

namespace hadal {

// Answers through the exchange, once. What it throws becomes the answer: an ApiError as it says, any other exception a
// 500. May be called by several threads at once, and must not be destroyed while its server runs.
using Handler = std::function<void(const HttpRequest&, Exchange&)>;

struct Route {
  std::string method;  // "GET" (which answers HEAD too), "POST", "PUT", "PATCH" or "DELETE"

  // "/v1/models" or, with parameters, "/v1/runs/{id}" and "/v1/models/{name...}": the former stands for one part of the
  // path, the latter for one or more with the slashes between them. Compared with the decoded path; where several
  // routes match, the one with fewer parameters answers. A parameter may hold anything, also "..".
  std::string path;

  bool auth = true;      // asks for the API key where the server has one
  bool slow = false;     // runs on a thread of its own; others run on the thread of all connections, and must not wait
  bool upload = false;   // the handler reads the body in pieces, by Exchange::read_body(); such a route is slow
  bool endless = false;  // its answer is a stream without an end, which a server that stops cuts off at once
  bool probe = false;    // for load balancers: needs no Host, and is answered also where there are too many connections
  uint64_t max_body_bytes = 0;  // 0: the server's; more is a 413
  Handler handler;
};

}  // namespace hadal
