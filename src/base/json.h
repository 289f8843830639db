// JSON is nlohmann's. Include this header, not theirs, so that parse errors read the same everywhere.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace hadal {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // keeps the order of keys: for files that people read

// Parses `text`; throws Error naming `who` (a file, "the request body") and the position of the mistake.
Json parse_json(std::string_view text, std::string_view who);

// One line of text; invalid UTF-8 is replaced by U+FFFD instead of throwing.
std::string dump_json(const Json& json, int indent = -1);
std::string dump_json(const OrderedJson& json, int indent = -1);

}  // namespace hadal
