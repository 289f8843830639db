#include "train/recipe_file.h"

namespace hadal {

std::string RecipeFile::where(const std::string& key) const {
  for (const TomlValue& v : values)
    if (v.key == key) return v.where;
  return file.string();
}

Path anchored(const Path& folder, const std::string& text) {
  return text.empty() ? Path() : (folder / text).lexically_normal();
}

std::string model_named(const RecipeFile& recipe, const Path& anchored) {
  const Path plain = anchored.lexically_relative(recipe.file.parent_path());
  std::error_code ignored;
  const bool name = !std::filesystem::exists(anchored, ignored) && !plain.empty() && *plain.begin() != "..";
  return (name ? plain : anchored).string();
}

}  // namespace hadal
