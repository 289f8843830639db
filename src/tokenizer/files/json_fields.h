// Reading fields of a JSON file with errors that name the file, the part and the field.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace hadal {

inline const Json& get_field(const Json& object, const char* key, std::string_view who, std::string_view part) {
  if (!object.is_object()) fail("{}: {}: expected an object, found {}", who, part, object.type_name());
  const auto found = object.find(key);
  if (found == object.end()) fail("{}: {}: expected a field \"{}\", found none", who, part, key);
  return *found;
}

inline std::string get_string(const Json& object, const char* key, std::string_view who, std::string_view part) {
  const Json& field = get_field(object, key, who, part);
  if (!field.is_string()) fail("{}: {}: {}: expected a string, found {}", who, part, key, field.type_name());
  return field.get<std::string>();
}

inline const Json& get_array(const Json& object, const char* key, std::string_view who, std::string_view part) {
  const Json& field = get_field(object, key, who, part);
  if (!field.is_array()) fail("{}: {}: {}: expected an array, found {}", who, part, key, field.type_name());
  return field;
}

inline const Json& get_object(const Json& object, const char* key, std::string_view who, std::string_view part) {
  const Json& field = get_field(object, key, who, part);
  if (!field.is_object()) fail("{}: {}: {}: expected an object, found {}", who, part, key, field.type_name());
  return field;
}

inline int64_t get_integer(const Json& object, const char* key, std::string_view who, std::string_view part) {
  const Json& field = get_field(object, key, who, part);
  if (!field.is_number_integer()) fail("{}: {}: {}: expected an integer, found {}", who, part, key, field.type_name());
  if (field.is_number_unsigned() && field.get<uint64_t>() > INT64_MAX) {
    fail("{}: {}: {}: expected an integer, found {}", who, part, key, field.get<uint64_t>());
  }
  return field.get<int64_t>();
}

// Absent or null: `otherwise`.
inline bool get_bool(const Json& object, const char* key, bool otherwise, std::string_view who, std::string_view part) {
  if (!object.is_object()) fail("{}: {}: expected an object, found {}", who, part, object.type_name());
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return otherwise;
  if (!found->is_boolean()) fail("{}: {}: {}: expected true or false, found {}", who, part, key, found->type_name());
  return found->get<bool>();
}

}  // namespace hadal
