// Each rule fails on a tree that breaks it, and is quiet on one that does not.
#include "rules.h"

#include <gtest/gtest.h>

namespace hadal::house {
namespace {

const Tree::value_type kChart = {
    "docs/architecture.md",
    "## Who may use whom\n\n```\nbase -> kernels -> ops -> model -> {engine, train} -> rl\n"
    "base -> net    base, net -> cluster    all -> cli\n```\n"};

std::string repeat(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(Rules, IncludeOutsideDepsIsFound) {
  const Tree good = {kChart,
                     {"src/ops/CMakeLists.txt", "hadal_module(ops DEPS base kernels LIBS fmt)\n"},
                     {"src/ops/a.cc", "#include <vector>\n#include \"ops/a.h\"\n#include \"kernels/gemm.h\"\n"}};
  EXPECT_EQ(includes_follow_deps(good), Findings{});
  Tree bad = good;
  bad["src/ops/a.cc"] = "#include \"base/error.h\"\n#include \"model/model.h\"\n";
  ASSERT_EQ(includes_follow_deps(bad).size(), 1u);
  EXPECT_EQ(includes_follow_deps(bad)[0].rfind("src/ops/a.cc:2: includes model/", 0), 0u);
  bad["src/ops/a.cc"] = good.at("src/ops/a.cc");
  bad["src/ops/CMakeLists.txt"] = "hadal_module(ops DEPS base LIBS kernels)\n";  // a library is not a module
  EXPECT_EQ(includes_follow_deps(bad).size(), 1u);
}

TEST(Rules, DependencyToTheRightIsFound) {
  const auto findings = [](const std::string& module, const std::string& deps) {
    return deps_follow_direction(
        {kChart, {"src/" + module + "/CMakeLists.txt", "hadal_module(" + module + " DEPS " + deps + ")\n"}});
  };
  EXPECT_EQ(findings("rl", "base train engine"), Findings{});
  EXPECT_EQ(findings("cluster", "base net"), Findings{});
  EXPECT_EQ(findings("engine", "model train").size(), 1u);
  EXPECT_EQ(findings("cluster", "base ops").size(), 1u);
  EXPECT_EQ(findings("attic", "base").size(), 1u);
  EXPECT_EQ(deps_follow_direction({}).size(), 1u) << "no chart";
  EXPECT_EQ(deps_follow_direction({{"docs/architecture.md", "## Who may use whom\n```\na -> b -> a\n```\n"}}).size(),
            2u)
      << "a circle";
}

TEST(Rules, PrivateHeadersLieInSubFolders) {
  const Tree good = {{"src/ops/ops.h", "#include \"ops/tensor.h\"\n"},
                     {"src/ops/tensor.h", ""},
                     {"src/ops/moe/sorted.h", ""},
                     {"src/ops/moe/sorted.cc", "#include \"ops/moe/sorted.h\"\n"},
                     {"src/ops/testing/plain.h", ""},
                     {"src/model/model_test.cc", "#include \"ops/testing/plain.h\"\n#include \"ops/moe/sorted.h\"\n"},
                     {"src/model/model.cc", "#include \"ops/ops.h\"\n"}};
  EXPECT_EQ(faces_lie_at_the_root(good), Findings{});
  Tree bad = good;
  bad["src/ops/sorted.h"] = "";
  bad["src/ops/a.cc"] = "#include \"ops/sorted.h\"\n";
  EXPECT_EQ(faces_lie_at_the_root(bad).size(), 1u) << "used inside alone, at the root";
  bad = good;
  bad["src/model/model.cc"] += "#include \"ops/moe/sorted.h\"\n";
  EXPECT_EQ(faces_lie_at_the_root(bad).size(), 1u) << "private, used from elsewhere";
  bad = good;
  bad["src/ops/moe/sorted.cc"] += "#include \"ops/testing/plain.h\"\n";
  EXPECT_EQ(faces_lie_at_the_root(bad).size(), 1u) << "for tests, used by the program";
}

TEST(Rules, MissingPathInADocumentIsFound) {
  Tree tree = {{"src/ops/ops.h", ""}, {"recipes/smoke.toml", ""}, {"docs/cli.md", ""}, {"docs/decisions/001-x.md", ""}};
  tree["README.md"] =
      "See `src/ops/ops.h`, `ops/ops.h`, `ops.h`, [cli](docs/cli.md#verbs), `src/*/ops.h`, `src/ops/`, `/v1/models`,\n"
      "`a/b`, `model.safetensors`, `RECIPE.toml`, [there](https://example.org/src/x.h), `build/hadal`, src/unmarked.h\n"
      "```\n./run train recipes/smoke.toml\n```\n";
  tree["docs/decisions/002-y.md"] = "After `001-x.md`.\n";
  EXPECT_EQ(documents_name_what_exists(tree), Findings{});
  for (const std::string bad :
       {"`src/ops/gone.h`", "`ops/gone.h`", "`gone.cc`", "[x](docs/gone.md)", "[x](../recipes/gone.toml)",
        "`src/*/gone.h`", "`GONE.md`", "```\n./run train recipes/gone.toml\n```"}) {
    tree["docs/architecture.md"] = bad + "\n";
    EXPECT_EQ(documents_name_what_exists(tree).size(), 1u) << bad;
  }
}

TEST(Rules, MissingFunctionInADocumentIsFound) {
  Tree tree = {{"src/ops/ops.h", "Tensor add(const Context& ctx);\nstruct Tape { void backward(); };\n"}};
  tree["README.md"] = "`add()` and `Tape::backward()`, then `2 * (a + b)` and plain gone().\n";
  EXPECT_EQ(documents_name_functions_that_exist(tree), Findings{});
  tree["README.md"] = "`subtract()`\n";
  EXPECT_EQ(documents_name_functions_that_exist(tree).size(), 1u);
  tree["README.md"] = "`Tape::back()`, for backward(\n";
  EXPECT_EQ(documents_name_functions_that_exist(tree).size(), 1u);
}

TEST(Rules, LongFileIsFound) {
  EXPECT_EQ(files_are_short({{"src/ops/a.cc", repeat("\n", 800)}, {"web/package-lock.json", repeat("\n", 9000)}}),
            Findings{});
  EXPECT_EQ(files_are_short({{"src/ops/a.cc", repeat("\n", 801)}}).size(), 1u);
  EXPECT_EQ(files_are_short({{"web/src/page.svelte", repeat("\n", 801)}}).size(), 1u);
}

TEST(Rules, IntrinsicsOutsideKernelsAreFound) {
  EXPECT_EQ(intrinsics_stay_in_kernels({{"src/kernels/a.cc", "#include <immintrin.h>\n"}}), Findings{});
  EXPECT_EQ(intrinsics_stay_in_kernels({{"src/ops/a.cc", "#include <immintrin.h>\n"}}).size(), 1u);
  EXPECT_EQ(intrinsics_stay_in_kernels({{"src/train/a.h", "auto x = _mm512_setzero_ps();\n"}}).size(), 1u);
}

TEST(Rules, OtherReadersOfJsonAreFound) {
  EXPECT_EQ(json_is_read_in_one_place(
                {{"src/base/json.cc", "J::sax_parse(a, b, &c);\n"}, {"src/a/a.cc", "parse_json(text, who);\n"}}),
            Findings{});
  EXPECT_EQ(json_is_read_in_one_place({{"src/a/a.cc", "auto j = OrderedJson::parse(text);\n"}}).size(), 1u);
}

TEST(Rules, UndoneWorkIsFound) {
  EXPECT_EQ(nothing_is_left_undone({{"src/a/a.cc",
                                     "int mastodons; char kHA"
                                     "CKNEY;\n"}}),
            Findings{});
  EXPECT_EQ(nothing_is_left_undone({{"src/a/a.cc",
                                     "// TO"
                                     "DO: later\n"}})
                .size(),
            1u);
  EXPECT_EQ(nothing_is_left_undone({{"web/src/a.js",
                                     "// FIX"
                                     "ME\n"}})
                .size(),
            1u);
}

TEST(Rules, SeventhOptionIsFound) {
  std::string six = "set(HADAL_A \"\" CACHE STRING \"a\")\n";
  for (const char* name : {"B", "C", "D", "E", "F"}) six += std::string("option(HADAL_") + name + " \"x\" ON)\n";
  EXPECT_EQ(options_are_few({{"CMakeLists.txt", six}}), Findings{});
  EXPECT_EQ(options_are_few({{"CMakeLists.txt", six}, {"cmake/more.cmake", "option(HADAL_G \"x\" ON)\n"}}).size(), 1u);
}

TEST(Rules, LongOrMissingModuleDeclarationIsFound) {
  EXPECT_EQ(modules_are_declared_briefly({{"src/ops/CMakeLists.txt", "hadal_module(ops DEPS base)\n"}}), Findings{});
  EXPECT_EQ(modules_are_declared_briefly({{"src/ops/CMakeLists.txt", "hadal_module(ops)\n" + repeat("\n", 10)}}).size(),
            1u);
  EXPECT_EQ(modules_are_declared_briefly({{"src/ops/CMakeLists.txt", "add_library(ops)\n"}}).size(), 1u);
  EXPECT_EQ(modules_are_declared_briefly({{"src/cli/CMakeLists.txt", "add_executable(hadal main.cc)\n"}}), Findings{});
}

TEST(Rules, HeaderWithoutContractIsFound) {
  EXPECT_EQ(headers_say_their_contract({{"src/a/a.h", "// What it is.\n#pragma once\n"}}), Findings{});
  EXPECT_EQ(headers_say_their_contract({{"src/a/a.h", "#pragma once\n"}}).size(), 2u);
  EXPECT_EQ(headers_say_their_contract({{"src/a/a.h", "// What it is.\n"}}).size(), 1u);
}

TEST(Rules, TypeWithTwoHomesIsFound) {
  const std::string request = "// A.\nnamespace hadal {\nstruct Request {\n};\n}\n",
                    other = "// B.\nnamespace hadal {\nclass Request : public Base {\n};\n}\n";
  EXPECT_EQ(types_have_one_home({{"src/a/a.h", request}}), Findings{});
  EXPECT_EQ(types_have_one_home({{"src/a/a.h", request}, {"src/b/b.h", other}}).size(), 1u);
  EXPECT_EQ(types_have_one_home(
                {{"src/a/a.h", request}, {"src/b/b.h", "namespace hadal {\nnamespace {\nstruct Request {\n};\n"}}),
            Findings{});
  EXPECT_EQ(types_have_one_home({{"src/a/a.h", request}, {"src/b/b.h", "namespace hadal {\nstruct Request;\n"}}),
            Findings{});
}

TEST(Rules, KernelsOutsideOpsAreFound) {
  Tree tree = {{"src/ops/CMakeLists.txt", "hadal_module(ops DEPS base kernels)\n"},
               {"src/model/CMakeLists.txt", "hadal_module(model DEPS base ops)\n"}};
  EXPECT_EQ(kernels_are_called_through_ops(tree), Findings{});
  tree["src/model/CMakeLists.txt"] = "hadal_module(model DEPS base kernels ops)\n";
  EXPECT_EQ(kernels_are_called_through_ops(tree).size(), 1u);
}

TEST(Rules, OpWithoutGradientTestIsFound) {
  const Tree good = {
      {"src/ops/ops.h",
       "\nTensor add(const Context& ctx, const Tensor& a);\nstd::vector<Routing> route(const Context& ctx);\n"},
      {"src/ops/testing/op_list.cc", "{\"add\", OpKind::differentiable},\n{\"route\", OpKind::differentiable},\n"},
      {"src/ops/gradient_test.cc", "for (const auto& op : op_list()) {}\n"}};
  EXPECT_EQ(ops_have_gradient_tests(good), Findings{});
  Tree bad = good;
  bad["src/ops/testing/op_list.cc"] = "{\"add\", OpKind::differentiable},\n";
  EXPECT_EQ(ops_have_gradient_tests(bad).size(), 1u);
  bad = good;
  bad["src/ops/testing/op_list.cc"] += "{\"gone\", OpKind::differentiable},\n";
  EXPECT_EQ(ops_have_gradient_tests(bad).size(), 1u);
  bad = good;
  bad.erase("src/ops/gradient_test.cc");
  EXPECT_EQ(ops_have_gradient_tests(bad).size(), 1u);
  EXPECT_NE(ops_have_gradient_tests({}), Findings{});
}

TEST(Rules, UndocumentedVerbIsFound) {
  Tree tree = {
      {"src/cli/main.cc", "table = {\n    {\"chat\", \"talks\", chat},\n    {\"serve\", \"serves\", serve},\n};\n"},
      {"docs/cli.md", "## hadal chat\n\n`hadal serve --port`\n"}};
  EXPECT_EQ(verbs_are_documented(tree), Findings{});
  tree["docs/cli.md"] = "## hadal chatter\n\n`hadal serve`\n";
  EXPECT_EQ(verbs_are_documented(tree).size(), 1u);
  EXPECT_NE(verbs_are_documented({}), Findings{});
}

TEST(Rules, UndocumentedRecipeIsFound) {
  const Tree tree = {{"recipes/smoke.toml", ""}, {"recipes/pilot.toml", ""}, {"README.md", "`recipes/smoke.toml`"}};
  EXPECT_EQ(recipes_are_documented(tree), Findings{"recipes/pilot.toml: is named neither in README.md nor in docs/"});
}

TEST(Rules, GeneratedFileInGitIsFound) {
  EXPECT_EQ(nothing_generated_is_tracked({"src/ops/add.cc", "run", "cmake/hadal.cmake", "tests/CMakeLists.txt"}),
            Findings{});
  for (const char* path : {"build/hadal", "build-asan/x", "web/node_modules/a.js", "web/dist/index.html", "src/a.o",
                           "a/compile_commands.json"}) {
    EXPECT_EQ(nothing_generated_is_tracked({path}).size(), 1u) << path;
  }
}

}  // namespace
}  // namespace hadal::house
