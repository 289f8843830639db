// An error as MLflow's clients read it: {"error_code", "message"} with the HTTP status that belongs to the code.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "cluster/api.h"

namespace hadal::cluster {

enum class MlflowCode { no_such, exists, invalid, denied, unauthenticated, no_endpoint, internal };

struct MlflowError : Error {
  MlflowError(MlflowCode code_, const std::string& message) : Error(message), code(code_) {}
  MlflowCode code;
};

template <typename... Args>
[[noreturn]] void refuse(MlflowCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw MlflowError(code, fmt::format(format, std::forward<Args>(args)...));
}

ApiReply mlflow_error_reply(MlflowCode code, std::string_view message);

}  // namespace hadal::cluster
