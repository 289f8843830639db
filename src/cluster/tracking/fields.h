// The fields of a request: of a POST its JSON, of others the query. They are read as protobuf's JSON is: what
// is null is absent, a 64-bit integer may be text, and so may a floating-point number ("NaN", "Infinity"). MlflowError
// names the field.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.h"
#include "cluster/api.h"

namespace hadal::cluster {

class RequestFields {
 public:
  explicit RequestFields(const ApiRequest& request);
  ~RequestFields();
  RequestFields(RequestFields&&) noexcept;

  std::optional<std::string> text(std::string_view name) const;
  std::string needed_text(std::string_view name) const;  // there and not ""
  std::string id(std::string_view name) const;           // needed; a number will do
  std::optional<int64_t> integer(std::string_view name) const;
  int64_t needed_integer(std::string_view name) const;
  double needed_number(std::string_view name) const;

  std::vector<std::string> texts(std::string_view name) const;  // a list or one; numbers will do
  size_t for_each(std::string_view name, const std::function<void(const RequestFields&)>& entry) const;  // of a list
  size_t count(std::string_view name) const;                                                             // of a list

 private:
  RequestFields(const Json* object, std::string where);
  const Json* find(std::string_view name) const;  // null where it is absent

  std::shared_ptr<const Json> root_;
  const Json* object_;
  std::string where_;  // "metrics[3]." for messages
};

// JSON as Python writes it: NaN, Infinity and -Infinity outside of strings become strings.
std::string quoted_non_numbers(std::string_view text);

// A metric's value as MLflow's JSON has it.
OrderedJson number_json(double value);

}  // namespace hadal::cluster
