// A recipe as it is submitted to a cluster: its text with overrides, and with paths that hold in another folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"

namespace hadal {

struct RecipeOverrides {
  std::vector<std::string> set;  // "KEY=VALUE", as with_toml_value() takes them
  std::optional<int64_t> seed;
};

// The text of a recipe of `hadal train` or `hadal rl` with these overrides. Its data, tokenizers and start models are
// named absolutely, and its output is the folder that the text will lie in. Models that are called by a name are looked
// up here; one that is not here keeps its name. UsageError for an override that is none; keys that no recipe has are
// left to the recipe's own check.
std::string submitted_recipe(const Path& file, const RecipeOverrides& overrides);

}  // namespace hadal
