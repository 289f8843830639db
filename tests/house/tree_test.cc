// The tree as it lies here keeps every rule.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "rules.h"

namespace hadal::house {
namespace {

namespace fs = std::filesystem;

bool is_made_by_a_build(const std::string& name) {
  static const std::set<std::string> kNames = {".git", "out", "runs", "node_modules", "dist", "test-results"};
  return kNames.count(name) > 0 || name.rfind("build", 0) == 0;
}

bool is_text(const fs::path& path) {
  static const std::set<std::string> kEndings = {".cc", ".h",   ".cmake", ".txt",    ".md",  ".toml", ".sh",
                                                 ".js", ".mjs", ".ts",    ".svelte", ".css", ".py",   ".json"};
  return kEndings.count(path.extension().string()) > 0 || path.extension().empty();
}

const Tree& this_tree() {
  static const Tree tree = [] {
    Tree read;
    const fs::path root = HADAL_SOURCE_DIR;
    for (auto entry = fs::recursive_directory_iterator(root); entry != fs::recursive_directory_iterator(); ++entry) {
      if (entry->is_directory() && is_made_by_a_build(entry->path().filename().string())) {
        entry.disable_recursion_pending();
      } else if (entry->is_regular_file()) {
        std::string text;
        if (is_text(entry->path()) && entry->file_size() < (4u << 20)) {
          std::ifstream file(entry->path(), std::ios::binary);
          text.assign(std::istreambuf_iterator<char>(file), {});
        }
        read[entry->path().lexically_relative(root).generic_string()] = std::move(text);
      }
    }
    return read;
  }();
  return tree;
}

void expect_kept(const Findings& findings) {
  for (const auto& finding : findings) ADD_FAILURE() << finding;
}

TEST(House, IncludesFollowDeps) { expect_kept(includes_follow_deps(this_tree())); }
TEST(House, DepsFollowTheDirection) { expect_kept(deps_follow_direction(this_tree())); }
TEST(House, FacesLieAtTheRoot) { expect_kept(faces_lie_at_the_root(this_tree())); }
TEST(House, DocumentsNameWhatExists) { expect_kept(documents_name_what_exists(this_tree())); }
TEST(House, DocumentsNameFunctionsThatExist) { expect_kept(documents_name_functions_that_exist(this_tree())); }
TEST(House, FilesAreShort) { expect_kept(files_are_short(this_tree())); }
TEST(House, IntrinsicsStayInKernels) { expect_kept(intrinsics_stay_in_kernels(this_tree())); }
TEST(House, JsonIsReadInOnePlace) { expect_kept(json_is_read_in_one_place(this_tree())); }
TEST(House, NothingIsLeftUndone) { expect_kept(nothing_is_left_undone(this_tree())); }
TEST(House, OptionsAreFew) { expect_kept(options_are_few(this_tree())); }
TEST(House, ModulesAreDeclaredBriefly) { expect_kept(modules_are_declared_briefly(this_tree())); }
TEST(House, HeadersSayTheirContract) { expect_kept(headers_say_their_contract(this_tree())); }
TEST(House, TypesHaveOneHome) { expect_kept(types_have_one_home(this_tree())); }
TEST(House, KernelsAreCalledThroughOps) { expect_kept(kernels_are_called_through_ops(this_tree())); }
TEST(House, OpsHaveGradientTests) { expect_kept(ops_have_gradient_tests(this_tree())); }
TEST(House, VerbsAreDocumented) { expect_kept(verbs_are_documented(this_tree())); }
TEST(House, RecipesAreDocumented) { expect_kept(recipes_are_documented(this_tree())); }

TEST(House, NothingGeneratedIsTracked) {
  // The clone may belong to another user than the one who runs the tests.
  FILE* pipe =
      popen((std::string("git -c safe.directory='*' -C '") + HADAL_SOURCE_DIR + "' ls-files 2>/dev/null").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  std::array<char, 4096> buffer;
  for (size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) output.append(buffer.data(), n);
  if (pclose(pipe) != 0) GTEST_SKIP() << "this is not a git clone, or git is not installed";
  std::vector<std::string> tracked;
  for (size_t begin = 0, end; (end = output.find('\n', begin)) != std::string::npos; begin = end + 1) {
    tracked.push_back(output.substr(begin, end - begin));
  }
  EXPECT_FALSE(tracked.empty());
  expect_kept(nothing_generated_is_tracked(tracked));
}

TEST(House, ScriptsCanBeRun) {
  for (const char* script : {"run", "test", ".ci/run", "tests/house/sanitizers.sh", "tests/fuzz/run.sh"}) {
    const fs::path path = fs::path(HADAL_SOURCE_DIR) / script;
    ASSERT_TRUE(fs::exists(path)) << path;
    EXPECT_NE(fs::status(path).permissions() & fs::perms::owner_exec, fs::perms::none) << path << " is not executable";
    EXPECT_EQ(std::system(("bash -n '" + path.string() + "'").c_str()), 0) << path << " is not valid bash";
  }
}

}  // namespace
}  // namespace hadal::house
