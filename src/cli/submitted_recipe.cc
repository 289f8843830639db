#include "cli/submitted_recipe.h"

#include "base/error.h"
#include "base/toml_table.h"
#include "cli/verb.h"
#include "train/recipe_file.h"
#include "weights/load.h"

namespace hadal {
namespace {

std::string absolute_path(const Path& folder, const std::string& text) {
  return std::filesystem::absolute(anchored(folder, text)).lexically_normal().string();
}

// What recipes take for a model: a path from their folder, or a name.
std::string absolute_model(const Path& folder, const std::string& text) {
  const Path path = anchored(folder, text);
  std::error_code ignored;
  const bool is_path = text.ends_with(".toml") || text.starts_with(".") || Path(text).is_absolute();
  if (is_path || std::filesystem::exists(path, ignored)) return absolute_path(folder, text);
  try {
    const weights::ModelFiles found = weights::find_model(text);
    if (found.weights.empty()) return std::filesystem::absolute(found.path).string();
  } catch (const Error&) {  // the recipe's check says what is missing
  }
  return text;
}

class Rewriter {
 public:
  Rewriter(std::string text, const Path& file) : text_(std::move(text)), file_(file), folder_(file.parent_path()) {}

  void set(const std::string& key, const std::string& value) {
    text_ = with_toml_value(text_, key, value, file_.string());
  }
  // The text at `key` of `table`, which is called `prefix` as a whole.
  void make_absolute(TomlTable table, const std::string& prefix, const std::string& key, bool model) {
    if (!table.has(key)) return;
    const std::string value = table.text(key, "");
    if (value.empty()) return;
    set(prefix + key, model ? absolute_model(folder_, value) : absolute_path(folder_, value));  // a text: no TOML has /
  }
  void make_all_absolute() {
    TomlTable recipe = TomlTable::parse(text_, file_.string());
    make_absolute(recipe, "", "start", true);
    for (const auto& [name, key] : {std::pair("model", "from"), std::pair("rl", "reference")})
      if (recipe.has(name)) make_absolute(*recipe.table(name), std::string(name) + ".", key, true);
    if (recipe.has("tokenizer")) make_absolute(*recipe.table("tokenizer"), "tokenizer.", "from", false);
    for (const std::string list : {"source", "items"}) {
      int64_t number = 0;
      for (TomlTable& table : recipe.tables(list))
        make_absolute(table, fmt::format("{}.{}.", list, number++), "path", false);
    }
    set("output", "'.'");
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  Path file_, folder_;
};

}  // namespace

std::string submitted_recipe(const Path& file, const RecipeOverrides& overrides) {
  if (!std::filesystem::exists(file)) fail("{}: expected a recipe (a TOML file), found no such file", file.string());
  Rewriter recipe(read_file(file, 16 << 20), std::filesystem::absolute(file).lexically_normal());
  for (const std::string& setting : overrides.set) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UsageError(fmt::format("--set: expected key=value, found {}", brief(setting)));
    recipe.set(setting.substr(0, equals), setting.substr(equals + 1));
  }
  if (overrides.seed) recipe.set("seed", std::to_string(*overrides.seed));
  recipe.make_all_absolute();
  return recipe.take();
}

}  // namespace hadal
