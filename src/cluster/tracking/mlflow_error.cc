#include "cluster/tracking/mlflow_error.h"

#include <array>

#include "base/json.h"

namespace hadal::cluster {
namespace {

struct CodeRow {
  MlflowCode code;
  std::string_view name;
  int status;
};

constexpr std::array<CodeRow, 7> kMlflowCodes = {{{MlflowCode::no_such, "RESOURCE_DOES_NOT_EXIST", 404},
                                                  {MlflowCode::exists, "RESOURCE_ALREADY_EXISTS", 400},
                                                  {MlflowCode::invalid, "INVALID_PARAMETER_VALUE", 400},
                                                  {MlflowCode::denied, "PERMISSION_DENIED", 403},
                                                  {MlflowCode::unauthenticated, "UNAUTHENTICATED", 401},
                                                  {MlflowCode::no_endpoint, "ENDPOINT_NOT_FOUND", 404},
                                                  {MlflowCode::internal, "INTERNAL_ERROR", 500}}};

}  // namespace

ApiReply mlflow_error_reply(MlflowCode code, std::string_view message) {
  const CodeRow& row = kMlflowCodes[static_cast<size_t>(code)];
  ApiReply reply;
  reply.status = row.status;
  reply.body = dump_json(OrderedJson{{"error_code", row.name}, {"message", message}});
  return reply;
}

}  // namespace hadal::cluster
