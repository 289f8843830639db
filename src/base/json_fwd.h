// The names of base/json.h alone, for headers that pass JSON on: the library costs a second and more in each file.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace hadal {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // keeps the order of keys: for files that people read

}  // namespace hadal
