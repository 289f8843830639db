#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace hadal {

void throw_error(std::string message) { throw Error(bounded_message(std::move(message))); }

void check_failed(const char* file, int line, const char* condition, const std::string& message) {
  std::fprintf(stderr, "%s:%d: check failed: %s %s\n", file, line, condition, message.c_str());
  std::abort();
}

}  // namespace hadal
