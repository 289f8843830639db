// What every kind of recipe has: the file that it is, the folder of its run, and its keys as they were read.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "base/toml_table.h"

namespace hadal {

struct RecipeFile {
  Path file;                      // the recipe
  Path output;                    // the run's folder
  std::vector<TomlValue> values;  // all keys as they were read, defaults too

  std::string where(const std::string& key) const;  // "r.toml:17" of a key of `values`; the file where there is no such
};

// A path of a recipe in this folder, to which it is relative; empty for an empty text.
Path anchored(const Path& folder, const std::string& text);

// What a `from` of the recipe means to find_model(): where nothing lies at the path, it is a name, of a model under
// models/ or on the hub ("owner/repo").
std::string model_named(const RecipeFile& recipe, const Path& anchored);

}  // namespace hadal
