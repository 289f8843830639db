// The rules that compare a list in the code with what stands elsewhere: ops, verbs, recipes.
#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "rules.h"

namespace hadal::house {
namespace {

const std::string& text_of(const Tree& tree, const std::string& path) {
  static const std::string kNone;
  const auto file = tree.find(path);
  return file == tree.end() ? kNone : file->second;
}

std::set<std::string> all_matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
    found.insert((*match)[1]);
  return found;
}

// `word` with neither a letter, a digit nor an underscore beside it.
bool has_word(const std::string& text, const std::string& word) {
  return std::regex_search(text, std::regex("(^|[^A-Za-z0-9_])" + word + "($|[^A-Za-z0-9_])"));
}

}  // namespace

Findings ops_have_gradient_tests(const Tree& tree) {
  static const std::regex declared(R"(\n[A-Za-z_:<>0-9]+ ([a-z_0-9]+)\(const Context& ctx)");
  static const std::regex listed(R"rx(\{"([a-z_0-9]+)", OpKind::)rx");
  const auto ops = all_matches(text_of(tree, "src/ops/ops.h"), declared);
  const auto in_list = all_matches(text_of(tree, "src/ops/testing/op_list.cc"), listed);
  const std::string& tests = text_of(tree, "src/ops/gradient_test.cc");
  Findings findings;
  if (ops.empty()) findings.push_back("src/ops/ops.h: declares no op that this rule can read");
  for (const auto& op : ops) {
    if (!in_list.count(op))
      findings.push_back("src/ops/testing/op_list.cc: does not name " + op + ", which src/ops/ops.h declares");
  }
  for (const auto& op : in_list) {
    if (!ops.count(op))
      findings.push_back("src/ops/testing/op_list.cc: names " + op + ", which src/ops/ops.h does not declare");
  }
  if (tests.find("op_list()") == std::string::npos) {
    findings.push_back("src/ops/gradient_test.cc: does not walk op_list()");
  }
  return findings;
}

Findings types_have_one_home(const Tree& tree) {
  static const std::regex defined(R"(\n(?:struct|class) (?:alignas\(\d+\) )?(\w+)(?: final)?(?: :[^;{]*)? ?\{)");
  std::map<std::string, std::string> homes;
  Findings findings;
  for (const auto& [path, text] : tree) {
    if (path.rfind("src/", 0) != 0 || path.size() < 2 || path.substr(path.size() - 2) != ".h") continue;
    if (text.find("\nnamespace {") != std::string::npos) continue;  // each including file has types of its own
    const std::string space =
        std::regex_search(text, std::regex("\nnamespace hadal::")) ? path : "";  // inner namespaces
    for (const auto& name : all_matches(text, defined)) {
      const auto [home, is_new] = homes.emplace(space + name, path);
      if (!is_new) findings.push_back(path + ": defines " + name + ", and so does " + home->second);
    }
  }
  return findings;
}

Findings verbs_are_documented(const Tree& tree) {
  static const std::regex entry(R"rx(\n\s*\{"([a-z][a-z_-]*)",)rx");
  Findings findings;
  const auto verbs = all_matches(text_of(tree, "src/cli/main.cc"), entry);
  const std::string& document = text_of(tree, "docs/cli.md");
  if (verbs.empty()) findings.push_back("src/cli/main.cc: has no table of verbs that this rule can read");
  for (const auto& verb : verbs) {
    if (!has_word(document, "hadal " + verb))
      findings.push_back("docs/cli.md: does not describe the verb `hadal " + verb + "`");
  }
  return findings;
}

Findings recipes_are_documented(const Tree& tree) {
  Findings findings;
  for (const auto& [path, recipe] : tree) {
    if (path.rfind("recipes/", 0) != 0 || path.size() < 5 || path.substr(path.size() - 5) != ".toml") continue;
    const bool named = std::any_of(tree.begin(), tree.end(), [&, name = path](const auto& file) {
      const bool document = file.first == "README.md" || (file.first.rfind("docs/", 0) == 0 && file.first != name);
      return document && file.second.find(name) != std::string::npos;
    });
    if (!named) findings.push_back(path + ": is named neither in README.md nor in docs/");
  }
  return findings;
}

}  // namespace hadal::house
