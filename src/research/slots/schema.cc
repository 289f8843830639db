#include "research/slots/schema.h"

#include <algorithm>

#include "base/error.h"

namespace hadal::research {
namespace {

constexpr size_t kMaxJsonBytes = 64 << 10;
constexpr int kMaxTries = 64;  // places where an object may begin

Json text_schema(size_t longest) { return {{"type", "string"}, {"minLength", 1}, {"maxLength", longest}}; }

Json list_schema(Json items, size_t least, size_t most) {
  return {{"type", "array"}, {"items", std::move(items)}, {"minItems", least}, {"maxItems", most}};
}

Json object_schema(Json properties) {
  Json required = Json::array();
  for (const auto& [name, _] : properties.items()) required.push_back(name);
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)},
          {"additionalProperties", false}};
}

Json numbers(size_t first, size_t last) {
  Json list = Json::array();
  for (size_t i = first; i <= last; ++i) list.push_back(i);
  return {{"type", "integer"}, {"enum", std::move(list)}};
}

bool has_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  return value.is_number_integer();
}

// The end of the object that begins at `begin`; npos where it never ends.
size_t end_of_object(std::string_view text, size_t begin) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

Json only_named(const Json& value, const Json& schema) {
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& item : value) list.push_back(only_named(item, schema["items"]));
    return list;
  }
  if (!value.is_object()) return value;
  Json object = Json::object();
  for (const auto& [name, inner] : schema["properties"].items())
    if (value.contains(name)) object[name] = only_named(value[name], inner);
  return object;
}

}  // namespace

Json plan_schema() {
  Json queries = list_schema(text_schema(200), 1, kMaxQueries);
  Json question = object_schema({{"question", text_schema(400)}, {"queries", std::move(queries)}});
  return object_schema({{"questions", list_schema(std::move(question), 1, kMaxPlanned)}});
}

Json judge_schema(size_t sentences) {
  return object_schema({{"bears", {{"type", "boolean"}}}, {"sentence", numbers(0, sentences)}});
}

Json gap_schema() { return object_schema({{"missing", list_schema(text_schema(200), 0, kMaxMissing)}}); }

Json write_schema(size_t quotes) {
  Json sentence = object_schema({{"text", text_schema(600)}, {"cites", list_schema(numbers(1, quotes), 1, 4)}});
  return object_schema({{"sentences", list_schema(std::move(sentence), 1, kMaxSentences)}});
}

bool fits(const Json& value, const Json& schema) {
  if (!has_type(value, schema["type"].get_ref<const std::string&>())) return false;
  if (schema.contains("enum")) {
    const Json& list = schema["enum"];
    return std::find(list.begin(), list.end(), value) != list.end();
  }
  if (value.is_string()) {
    const size_t size = value.get_ref<const std::string&>().size();
    return size >= schema["minLength"].get<size_t>() && size <= schema["maxLength"].get<size_t>();
  }
  if (value.is_array())
    return value.size() >= schema["minItems"].get<size_t>() && value.size() <= schema["maxItems"].get<size_t>() &&
           std::all_of(value.begin(), value.end(), [&](const Json& item) { return fits(item, schema["items"]); });
  if (!value.is_object()) return true;
  for (const auto& [name, inner] : schema["properties"].items())
    if (!value.contains(name) || !fits(value[name], inner)) return false;
  return true;
}

std::optional<Json> first_fitting(std::string_view text, const Json& schema) {
  text = text.substr(0, kMaxJsonBytes);
  int tries = 0;
  for (size_t at = 0; (at = text.find('{', at)) != std::string_view::npos && tries < kMaxTries; ++at, ++tries) {
    const size_t end = end_of_object(text, at);
    if (end == std::string_view::npos) continue;
    try {
      const Json value = parse_json(text.substr(at, end - at), "the reply", {.mend_surrogates = true});
      if (fits(value, schema)) return only_named(value, schema);
    } catch (const Error&) {  // not this one
    }
  }
  return {};
}

}  // namespace hadal::research
