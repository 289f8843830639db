#include "train/run/recipe.h"

#include "base/toml_table.h"
#include "train/testing/test_support.h"

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
  EXPECT_EQ(r.stages[0].plan.steps, 10);
  EXPECT_TRUE(r.trainer.optimizer.muon);
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

TEST(Recipe, KnowsRecipesOfOtherVerbs) {
  const std::string start = "name = \"r\"\noutput = \"out\"\nstart = \"start.toml\"\n";
  expect_contains(error_of([&] { parse_recipe(start + "[rl]\n", "r.toml"); }), {"r.toml:4", "hadal rl", "`start`"});
  expect_contains(error_of([&] { parse_recipe(start + "[distill]\n", "r.toml"); }), {"r.toml:4", "hadal distill"});
}

TEST(Recipe, ThinkingNeedsAChatTemplate) {
  const auto with = [](const std::string& keys) {
    return replaced("[[source]]", "[tokenizer]\n" + keys + "\n[[source]]");
  };
  EXPECT_FALSE(parse_recipe(with("vocab = 300"), "r.toml").tokenizer.thinking);
  EXPECT_TRUE(parse_recipe(with("vocab = 300\nthinking = true"), "r.toml").tokenizer.thinking);
  expect_contains(error_of([&] { parse_recipe(with("bytes_only = true\nthinking = true"), "r.toml"); }),
                  {"r.toml:15: thinking", "bytes_only"});
}

TEST(Recipe, ASourceOfReasoningNamesKindsOfTasks) {
  const auto with = [](const std::string& keys) {
    return parse_recipe(replaced("[[stage]]", "[[source]]\nname = \"b\"\nkind = \"reason\"\n" + keys + "\n[[stage]]"),
                        "r.toml");
  };
  const SourceSpec s = with("tasks = { countdown3 = 1, countdown4 = 0 }\nmax_thinking_bytes = 99").sources[1];
  EXPECT_EQ(s.tasks, (std::vector<std::pair<std::string, double>>{{"countdown3", 1}}));
  EXPECT_EQ(s.max_thinking_bytes, 99);
  expect_contains(error_of([&] { with("documents = 5"); }), {"r.toml", "tasks"});
  expect_contains(error_of([&] { with("tasks = { sudoku = 1 }"); }), {"r.toml:20: tasks", "countdown3", "sudoku"});
  expect_contains(error_of([&] { with("tasks = { countdown3 = 0 }"); }), {"r.toml:20: tasks", "above 0"});
  expect_contains(error_of([&] { with("tasks = { countdown3 = 1 }\npath = \"x\""); }), {"unknown key \"path\""});
  expect_contains(error_of([&] { with("tasks = { countdown3 = 1 }\nmax_thinking_bytes = 1"); }),
                  {"max_thinking_bytes", "found 1"});
}

TEST(Recipe, SourcesAreWhatTheirFilesCanBe) {
  expect_contains(error_with("kind = \"text\"", "kind = \"chat\""), {"folder/r.toml:15", "kind", ".txt"});
  expect_contains(error_with("path = \"a.txt\"", "path = \"a.txt\"\ninclude = [\"x\"]"),
                  {"folder/r.toml:17", "include", ".txt"});
  expect_contains(error_with("name = \"a\"", "name = \"a/b\""), {"folder/r.toml:14", "name", "a/b"});
  expect_contains(error_with("path = \"a.txt\"", "path = \"\""), {"folder/r.toml:16", "path"});
  expect_contains(error_with("path = \"a.txt\"", "path = \"a.txt\"\non_bad_line = \"drop\""),
                  {"folder/r.toml:17", "stop, skip"});
  EXPECT_TRUE(parse_recipe(replaced("path = \"a.txt\"", "path = \"a.txt\"\non_bad_line = \"skip\""), "r.toml")
                  .sources[0]
                  .skip_bad_lines);
}

// Shapes that are no model: refused before anything is read, by the recipe's own key and its line.
TEST(Recipe, NamesTheKeyOfAWrongShape) {
  const auto model = [](const std::string& keys) {
    const std::string text =
        replaced("v_dim = 8\n", "v_dim = 8\nexperts = 4\ntop_k = 2\nexpert_inner = 8\nfirst_dense = 1\n");
    std::string changed = text;
    const std::string key = keys.substr(0, keys.find(" ="));
    const size_t at = changed.find("\n" + key + " =");
    if (at == std::string::npos) return changed.replace(changed.find("[model]\n") + 8, 0, keys + "\n");
    return changed.replace(at + 1, changed.find('\n', at + 1) - at - 1, keys);
  };
  const auto error = [&](const std::string& keys) { return error_of([&] { parse_recipe(model(keys), "r.toml"); }); };
  EXPECT_EQ(error("experts = 4"), "");
  expect_contains(error("top_k = 9"), {"r.toml:14: top_k: expected a number from 1 to 4, found 9"});
  expect_contains(error("first_dense = 3"), {"r.toml:16: first_dense", "found 3"});
  expect_contains(error("expert_inner = 0"), {"r.toml:15: expert_inner", "found 0"});
  expect_contains(error("rope_dim = 5"), {"r.toml:11: rope_dim: expected an even number, found 5"});
  expect_contains(error("groups = 3"), {"r.toml:5: groups: expected a divisor of experts 4, found 3"});
  expect_contains(error("top_groups = 2"), {"r.toml:5: top_groups", "found 2"});
  expect_contains(error("hidden = 100000"), {"r.toml:5: hidden", "found 100000"});
  expect_contains(error("init_std = 0"), {"r.toml:5: init_std", "found 0"});
  expect_contains(error("vocab = 500"), {"r.toml:5: vocab: expected at least the tokenizer's 8192 tokens, found 500"});
  expect_contains(error("kv_heads = 2"), {"r.toml:5", "unknown key \"kv_heads\""});
  const std::string llama =
      "name = \"r\"\noutput = \"out\"\n[model]\nfamily = \"llama\"\nhidden = 64\nlayers = 2\nheads = 4\nkv_heads = "
      "3\ncontext = 128\n";
  const std::string rest = std::string(kRecipe).substr(std::string(kRecipe).find("[[source]]"));
  expect_contains(error_of([&] { parse_recipe(llama + rest, "r.toml"); }),
                  {"r.toml:8: kv_heads: expected a divisor of heads 4, found 3"});
  expect_contains(error_of([&] { parse_recipe(replaced("hidden = 64", "family = \"qwen2\"\nhidden = 66"), "r.toml"); }),
                  {"unknown key"});
}

TEST(Recipe, KnowsWhatItKeepsTheBestBy) {
  const auto with = [](const std::string& value) {
    return parse_recipe(replaced("[[source]]", "[run]\nkeep_best = \"" + value + "\"\n[[source]]"), "r.toml");
  };
  EXPECT_EQ(with("a").best_figure, "loss");
  EXPECT_EQ(with("validation/a/bits_per_byte").best_source, "a");
  EXPECT_EQ(with("a/accuracy").best_figure, "accuracy");
  expect_contains(error_of([&] { with("b/loss"); }), {"r.toml:14", "keep_best", "\"b\" is no source", "\"a\""});
  expect_contains(error_of([&] {
                    parse_recipe(
                        replaced("path = \"a.txt\"", "path = \"a.txt\"\nvalidation = 0\n[run]\nkeep_best = \"a\""),
                        "r.toml");
                  }),
                  {"keep_best", "holds nothing out"});
}

TEST(Recipe, KnowsEveryValueAndItsLine) {
  const Recipe r = parse_recipe(kRecipe, "folder/r.toml");
  const auto value = [&](const std::string& key) {
    for (const TomlValue& v : r.values)
      if (v.key == key) return v.value + " at " + v.where;
    return std::string("none");
  };
  EXPECT_EQ(value("[model] hidden"), "64 at folder/r.toml:5");
  EXPECT_EQ(value("[model] rope_theta"), "10000 at folder/r.toml:4");
  EXPECT_EQ(value("[[source]] \"a\": path"), "a.txt at folder/r.toml:16");
  EXPECT_EQ(value("[[stage]] 1: sources"), "{a = 1} at folder/r.toml:19");
  EXPECT_EQ(value("[optimizer] matrices"), "muon at folder/r.toml");
  EXPECT_EQ(value("seed"), "1 at folder/r.toml:1");
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
    const std::string text = read_file(entry.path());
    // Of other verbs: rl_recipe_test.cc, distill_test.cc.
    if (text.find("\n[rl]\n") != std::string::npos || text.find("\n[distill]\n") != std::string::npos) continue;
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
