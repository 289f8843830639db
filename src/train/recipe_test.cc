#include "train/recipe.h"

#include "train/test_support.h"
#include "train/toml_table.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;

const char* const kRecipe = R"(
name = "r"
output = "out"
[model]
hidden = 64
layers = 2
heads = 2
context = 128
kv_lora = 16
nope_dim = 8
rope_dim = 4
v_dim = 8
[[source]]
name = "a"
kind = "text"
path = "a.txt"
[[stage]]
name = "s"
sources = { a = 1 }
sequence_length = 64
batch_tokens = 256
micro_batch_tokens = 128
steps = 10
)";

std::string replaced(const std::string& from, const std::string& to) {
  std::string text = kRecipe;
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string error_with(const std::string& from, const std::string& to) {
  return error_of([&] { parse_recipe(replaced(from, to), "folder/r.toml"); });
}

TEST(Recipe, ReadsKeysAndAnchorsPaths) {
  const Recipe r = parse_recipe(kRecipe, "folder/r.toml");
  EXPECT_EQ(r.output, Path("folder/out"));
  EXPECT_EQ(r.sources[0].path, Path("folder/a.txt"));
  EXPECT_EQ(r.model.hidden, 64);
  EXPECT_EQ(r.stages[0].steps, 10);
  EXPECT_TRUE(r.optimizer.muon);
}

TEST(Recipe, NamesAnUnknownKeyItsLineAndTheNearest) {
  expect_contains(error_with("sequence_length", "sequence_lenght"),
                  {"folder/r.toml:20", "sequence_lenght", "\"sequence_length\""});
  expect_contains(error_with("output", "otuput"), {"output"});
  expect_contains(error_with("hidden = 64", "hidden = 64\nheds = 3"), {"folder/r.toml:6", "\"heads\""});
}

TEST(Recipe, RefusesWrongTypesRangesAndNames) {
  expect_contains(error_with("layers = 2", "layers = \"two\""),
                  {"folder/r.toml:6", "layers", "expected an integer, found a text"});
  expect_contains(error_with("layers = 2", "layers = 0"), {"layers", "found 0"});
  expect_contains(error_with("sources = { a = 1 }", "sources = { b = 1 }"), {"\"b\" is no source", "\"a\""});
  expect_contains(error_with("kind = \"text\"", "kind = \"txt\""), {"expected one of text", "\"txt\""});
  expect_contains(error_with("steps = 10", "steps = 10\ntokens = 20"), {"exactly one of steps, tokens and minutes"});
  expect_contains(error_with("steps = 10", "steps = ]"), {"folder/r.toml:23", "not valid TOML"});
  expect_contains(error_with("sequence_length = 64", "sequence_length = 300"),
                  {"micro_batch_tokens", "at least sequence_length"});
  expect_contains(error_with("context = 128", "context = 32"), {"at most the model's context of 32", "found 64"});
  expect_contains(error_of([] { read_recipe("no/such.toml"); }), {"no/such.toml", "found no such file"});
}

TEST(Recipe, SourcesAreWhatTheirFilesCanBe) {
  expect_contains(error_with("kind = \"text\"", "kind = \"chat\""), {"folder/r.toml:15", "kind", ".txt"});
  expect_contains(error_with("path = \"a.txt\"", "path = \"a.txt\"\ninclude = [\"x\"]"), {"folder/r.toml:17", "include", ".txt"});
  expect_contains(error_with("name = \"a\"", "name = \"a/b\""), {"folder/r.toml:14", "name", "a/b"});
  expect_contains(error_with("path = \"a.txt\"", "path = \"\""), {"folder/r.toml:16", "path"});
  expect_contains(error_with("path = \"a.txt\"", "path = \"a.txt\"\non_bad_line = \"drop\""), {"folder/r.toml:17", "stop, skip"});
  EXPECT_TRUE(parse_recipe(replaced("path = \"a.txt\"", "path = \"a.txt\"\non_bad_line = \"skip\""), "r.toml").sources[0].skip_bad_lines);
}

TEST(Recipe, AModelToGoOnFromBringsShapeAndTokenizer) {
  const std::string text = kRecipe;
  const std::string rest = text.substr(text.find("[[source]]"));
  const std::string head = "name = \"r\"\noutput = \"out\"\n[model]\nfrom = \"model\"\n";
  EXPECT_EQ(parse_recipe(head + rest, "folder/r.toml").start, Path("folder/model"));
  expect_contains(error_of([&] { parse_recipe(head + "hidden = 64\n" + rest, "folder/r.toml"); }), {":5", "hidden"});
  expect_contains(error_of([&] { parse_recipe(head + "[tokenizer]\nvocab = 300\n" + rest, "folder/r.toml"); }),
                  {"[tokenizer]", "leave this part out"});
}

TEST(Recipe, TheRecipesOfTheProjectAreValid) {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Path(HADAL_SOURCE_DIR) / "recipes")) {
    if (entry.path().extension() != ".toml") continue;
    ++found;
    EXPECT_EQ(error_of([&] { read_recipe(entry.path()); }), "");
  }
  EXPECT_GE(found, 3);
}

TEST(NearestWord, IsTheOneWithFewestEdits) {
  EXPECT_EQ(nearest_word("lyers", {"heads", "layers", "hidden"}), "layers");
  EXPECT_EQ(nearest_word("x", {}), "");
}

}  // namespace
}  // namespace hadal
