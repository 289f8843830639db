// An Error that says which HTTP status it is.
#pragma once

#include <string>

#include "base/error.h"

namespace hadal::cluster {

struct ApiError : Error {
  ApiError(int status_, const std::string& message) : Error(message), status(status_) {}
  int status;
};

template <typename... Args>
[[noreturn]] void refuse(int status, fmt::format_string<Args...> format, Args&&... args) {
  throw ApiError(status, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace hadal::cluster
