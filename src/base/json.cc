#include "base/json.h"

#include "base/error.h"

namespace hadal {

Json parse_json(std::string_view text, std::string_view who) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    fail("{}: expected valid JSON, found a mistake at byte {}: {}", who, e.byte, e.what());
  } catch (const nlohmann::json::exception& e) {  // a number beyond all ranges
    fail("{}: expected valid JSON, found a mistake: {}", who, e.what());
  }
}

std::string dump_json(const Json& json, int indent) { return json.dump(indent, ' ', false, Json::error_handler_t::replace); }
std::string dump_json(const OrderedJson& json, int indent) {
  return json.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace hadal
