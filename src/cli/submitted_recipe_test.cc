#include "cli/submitted_recipe.h"

#include <gtest/gtest.h>

#include "base/testing/scratch.h"
#include "base/toml_table.h"
#include "cli/verb.h"

namespace hadal {
namespace {

using test::ScratchFolder;

TEST(SubmittedRecipe, HoldsInAnotherFolder) {
  const ScratchFolder folder;
  std::filesystem::create_directories(folder / "recipes");
  std::filesystem::create_directories(folder / "old");
  const Path file = folder / "recipes" / "r.toml";
  write_file_whole(file, R"(name = "r"
output = "../runs/r"  # shared with others
[model]
from = "../old"
[[source]]
name = "a"
path = "data/a.jsonl"
[[source]]
name = "b"
kind = "arithmetic"
[[source]]
name = "c"
path = "/data/c.txt"
[[stage]]
name = "first"
steps = 3
)");
  const std::string text = submitted_recipe(file, {{"stage.first.matrix_lr=0.5", "optimizer.matrices=adamw"}, 7});
  TomlTable recipe = TomlTable::parse(text, "r");
  const std::string root = folder.path().string();
  EXPECT_EQ(recipe.text("output", ""), ".");
  EXPECT_EQ(recipe.integer("seed", 0, 0, 100), 7);
  EXPECT_EQ(recipe.table("model")->text("from", ""), root + "/old");
  EXPECT_EQ(recipe.tables("source")[0].text("path", ""), root + "/recipes/data/a.jsonl");
  EXPECT_EQ(recipe.tables("source")[2].text("path", ""), "/data/c.txt");
  EXPECT_EQ(recipe.tables("stage")[0].number("matrix_lr", 0, 0, 1), .5);
  EXPECT_EQ(recipe.table("optimizer")->text("matrices", ""), "adamw");
  EXPECT_NE(text.find("# shared with others"), std::string::npos);
}

TEST(SubmittedRecipe, OfReinforcementLearning) {
  const ScratchFolder folder;
  const Path file = folder / "r.toml";
  write_file_whole(file, R"(name = "r"
start = "first.toml"
[rl]
reference = "no-such-model"
[[items]]
name = "mine"
path = "mine.jsonl"
)");
  TomlTable recipe = TomlTable::parse(submitted_recipe(file, {}), "r");
  EXPECT_EQ(recipe.text("start", ""), (folder / "first.toml").string());
  EXPECT_EQ(recipe.table("rl")->text("reference", ""), "no-such-model");
  EXPECT_EQ(recipe.tables("items")[0].text("path", ""), (folder / "mine.jsonl").string());
}

TEST(SubmittedRecipe, RefusesWhatIsNoOverride) {
  const ScratchFolder folder;
  write_file_whole(folder / "r.toml", "name = \"r\"\n");
  EXPECT_THROW(submitted_recipe(folder / "r.toml", {{"steps"}, {}}), UsageError);
  EXPECT_THROW(submitted_recipe(folder / "gone.toml", {}), Error);
}

}  // namespace
}  // namespace hadal
