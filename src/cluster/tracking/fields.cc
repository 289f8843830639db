#include "cluster/tracking/fields.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/json.h"
#include "cluster/tracking/mlflow_error.h"

namespace hadal::cluster {
namespace {

[[noreturn]] void refuse_field(const std::string& where, std::string_view name, std::string_view expected,
                               const Json& found) {
  refuse(MlflowCode::invalid, "Invalid value for parameter '{}{}': expected {}, found {}", where, name, expected,
         brief_json(found));
}

template <typename T>
std::optional<T> parsed_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> float_of_text(const std::string& text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return parsed_number<double>(text);
}

std::optional<int64_t> integer_of(const Json& value) {
  if (value.is_string()) return parsed_number<int64_t>(value.get_ref<const std::string&>());
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const double number = value.get<double>();  // 1e3
  if (!(std::abs(number) < 0x1p63) || number != std::floor(number)) return std::nullopt;
  return static_cast<int64_t>(number);
}

std::optional<std::string> text_or_integer(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return dump_json(value);
  return std::nullopt;
}

}  // namespace

RequestFields::RequestFields(const ApiRequest& request) : object_(nullptr) {
  Json root = Json::object();
  if (request.method != "POST") {
    for (const auto& [name, value] : request.query) root[name] = value;
  } else if (!request.body.empty()) {
    try {
      root = parse_json(quoted_non_numbers(request.body), "the request");
    } catch (const Error& error) {
      refuse(MlflowCode::invalid, "{}", error.what());
    }
    if (!root.is_object()) {
      refuse(MlflowCode::invalid, "the request: expected a JSON object, found {}", brief_json(root));
    }
  }
  root_ = std::make_shared<const Json>(std::move(root));
  object_ = root_.get();
}

RequestFields::RequestFields(const Json* object, std::string where) : object_(object), where_(std::move(where)) {}
RequestFields::~RequestFields() = default;
RequestFields::RequestFields(RequestFields&&) noexcept = default;

const Json* RequestFields::find(std::string_view name) const {
  const auto field = object_->find(name);
  return field == object_->end() || field->is_null() ? nullptr : &*field;
}

std::optional<std::string> RequestFields::text(std::string_view name) const {
  const Json* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_string()) refuse_field(where_, name, "a string", *value);
  return value->get<std::string>();
}

std::string RequestFields::needed_text(std::string_view name) const {
  const std::optional<std::string> value = text(name);
  if (!value || value->empty()) {
    refuse(MlflowCode::invalid, "Missing value for required parameter '{}{}'", where_, name);
  }
  return *value;
}

std::string RequestFields::id(std::string_view name) const {
  const Json* value = find(name);
  if (!value) refuse(MlflowCode::invalid, "Missing value for required parameter '{}{}'", where_, name);
  const std::optional<std::string> found = text_or_integer(*value);
  if (!found) refuse_field(where_, name, "a string", *value);
  return *found;
}

std::optional<int64_t> RequestFields::integer(std::string_view name) const {
  const Json* value = find(name);
  if (!value) return std::nullopt;
  const std::optional<int64_t> found = integer_of(*value);
  if (!found) refuse_field(where_, name, "a 64-bit integer", *value);
  return found;
}

int64_t RequestFields::needed_integer(std::string_view name) const {
  const std::optional<int64_t> value = integer(name);
  if (!value) refuse(MlflowCode::invalid, "Missing value for required parameter '{}{}'", where_, name);
  return *value;
}

double RequestFields::needed_number(std::string_view name) const {
  const Json* value = find(name);
  if (!value) refuse(MlflowCode::invalid, "Missing value for required parameter '{}{}'", where_, name);
  std::optional<double> number;
  if (value->is_number()) number = value->get<double>();
  if (value->is_string()) number = float_of_text(value->get_ref<const std::string&>());
  if (!number) refuse_field(where_, name, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"", *value);
  return *number;
}

std::vector<std::string> RequestFields::texts(std::string_view name) const {
  const Json* value = find(name);
  if (!value) return {};
  if (const std::optional<std::string> one = text_or_integer(*value)) return {*one};
  if (!value->is_array()) refuse_field(where_, name, "a list of strings", *value);
  std::vector<std::string> out;
  for (const Json& item : *value) {
    const std::optional<std::string> text = text_or_integer(item);
    if (!text) refuse_field(where_, name, "a list of strings", item);
    out.push_back(*text);
  }
  return out;
}

size_t RequestFields::count(std::string_view name) const {
  const Json* value = find(name);
  if (value && !value->is_array()) refuse_field(where_, name, "a list", *value);
  return value ? value->size() : 0;
}

size_t RequestFields::for_each(std::string_view name, const std::function<void(const RequestFields&)>& entry) const {
  const size_t size = count(name);
  for (size_t i = 0; i < size; ++i) {
    const Json& item = (*find(name))[i];
    if (!item.is_object()) refuse_field(where_, name, "a list of objects", item);
    entry(RequestFields(&item, fmt::format("{}{}[{}].", where_, name, i)));
  }
  return size;
}

std::string quoted_non_numbers(std::string_view text) {
  std::string out;
  bool in_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\' && at + 1 < text.size()) {
      out.append(text.substr(at++, 2));
      continue;
    }
    std::string_view word;
    for (const std::string_view known : {"NaN", "Infinity", "-Infinity"})
      if (!in_string && text.substr(at).starts_with(known)) word = known;
    if (word.empty()) {
      out += c;
      continue;
    }
    out.append("\"").append(word).append("\"");
    at += word.size() - 1;
  }
  return out;
}

OrderedJson number_json(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

}  // namespace hadal::cluster
