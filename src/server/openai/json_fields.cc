#include "server/openai/json_fields.h"

#include <fmt/format.h>

#include <cmath>

#include "base/json.h"
#include "server/api_error.h"

namespace hadal {

void wrong(const std::string& param, std::string_view expected, const Json& found) {
  throw ApiError(400, fmt::format("{}: expected {}, found {}", param, expected, brief_json(found)), param);
}

const Json* field(const Json& body, const char* name) {
  auto it = body.find(name);
  return it == body.end() || it->is_null() ? nullptr : &*it;
}

double read_number(const Json& value, const std::string& param, double low, double high) {
  if (!value.is_number()) wrong(param, fmt::format("a number from {} to {}", low, high), value);
  double number = value.get<double>();
  if (!(number >= low && number <= high)) wrong(param, fmt::format("a number from {} to {}", low, high), value);
  return number;
}

int64_t read_integer(const Json& value, const std::string& param, int64_t low, int64_t high, std::string expected) {
  if (expected.empty()) expected = fmt::format("a whole number from {} to {}", low, high);
  if (!value.is_number()) wrong(param, expected, value);
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::trunc(number) != number || std::abs(number) > 0x1p53) wrong(param, expected, value);
    return read_integer(static_cast<int64_t>(number), param, low, high, expected);
  }
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) wrong(param, expected, value);
  const int64_t number = value.get<int64_t>();
  if (number < low || number > high) wrong(param, expected, value);
  return number;
}

bool read_flag(const Json& object, const char* name, const std::string& inside) {
  const Json* value = field(object, name);
  if (!value) return false;
  if (!value->is_boolean()) wrong(inside.empty() ? name : inside + "." + name, "true or false", *value);
  return value->get<bool>();
}

}  // namespace hadal
