// What the tests of downloads share: options that do not wait, and bytes. Tests only.
#pragma once

#include "base/testing/scratch.h"
#include "net/http.h"
#include "net/testing/test_server.h"

namespace hadal::test {

inline net::HttpOptions quick() {
  net::HttpOptions options;
  options.connect_timeout_ms = 2000;
  options.stall_timeout_ms = 1500;
  options.max_failures = 3;
  options.first_wait_ms = 1;
  options.longest_wait_ms = 2000;
  return options;
}

// Bytes without a pattern that a mistake could reproduce.
inline std::string some_bytes(size_t size, uint64_t seed = 1) {
  std::string bytes(size, '\0');
  for (auto& c : bytes) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    c = static_cast<char>(seed >> 56);
  }
  return bytes;
}

}  // namespace hadal::test
