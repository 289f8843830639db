// An error as OpenAI's clients read it: {"error": {"message", "type", "code", "param"}} with an HTTP status.
#pragma once

#include <string>

#include "base/error.h"
#include "server/exchange.h"

namespace hadal {

struct ApiError : Error {
  ApiError(int status_, const std::string& message, std::string param_ = "", std::string code_ = "")
      : Error(message), status(status_), param(std::move(param_)), code(std::move(code_)) {}

  HttpReply reply() const;

  int status;
  std::string param, code;  // "" becomes null
  HttpHeaders headers;      // sent with the reply
};

}  // namespace hadal
