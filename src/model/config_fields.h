// The limits of a configuration that was not read from config.json.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "model/config.h"

namespace hadal {

// What a field of config.json is called where it was read, and what an error about it begins with ("r.toml:17: top_k").
struct FieldNames {
  std::function<std::string(std::string_view field)> name, place;
};
void check(const ModelConfig& config, const FieldNames& names);  // check(config, who), in these names

}  // namespace hadal
