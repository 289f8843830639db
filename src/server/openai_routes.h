// OpenAI's API under /v1, and /health, for one model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/backend.h"
#include "server/route.h"

namespace hadal {

struct ApiOptions {
  std::string model_name = "hadal";
  int64_t created = 0;                // seconds since 1970, shown in /v1/models
  SamplingOptions sampling = {};      // used where a request says nothing; its seed is drawn anew each time
  uint64_t max_body_bytes = 8 << 20;  // also of what a compressed body becomes
};

// `backend` must outlive the server.
std::vector<Route> openai_routes(ChatBackend& backend, ApiOptions options);

}  // namespace hadal
