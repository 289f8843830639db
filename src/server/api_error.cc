#include "server/api_error.h"

#include "base/json.h"

namespace hadal {
namespace {

const char* error_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 503:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "server_error";
  }
}

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace

HttpReply ApiError::reply() const {
  OrderedJson error = {
      {"message", what()}, {"type", error_type(status)}, {"code", or_null(code)}, {"param", or_null(param)}};
  return {status, "application/json", dump_json(OrderedJson{{"error", error}}), headers};
}

}  // namespace hadal
