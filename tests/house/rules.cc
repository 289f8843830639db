#include "rules.h"

#include <algorithm>
#include <functional>
#include <regex>
#include <set>
#include <sstream>
#include <string_view>

namespace hadal::house {
namespace {

// The module that is the program itself: it may include every other one.
const std::string kProgram = "cli";

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) {
    return text.size() > ending.size() && text.substr(text.size() - ending.size()) == ending;
  });
}

bool is_cpp(std::string_view path) { return ends_with_any(path, {".cc", ".h"}); }
bool is_source(std::string_view path) {
  return is_cpp(path) || ends_with_any(path, {".js", ".mjs", ".ts", ".svelte", ".css", ".sh", ".py"});
}
bool is_document(std::string_view path) {
  return path == "README.md" || path == "CONTRIBUTING.md" ||
         (starts_with(path, "docs/") && ends_with_any(path, {".md"}));
}

// "src/ops/linear.cc" -> "ops"; "" outside src.
std::string module_of(std::string_view path) {
  if (!starts_with(path, "src/")) return "";
  path.remove_prefix(4);
  const size_t slash = path.find('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string at(const std::string& path, size_t line_index, const std::string& what) {
  return path + ":" + std::to_string(line_index + 1) + ": " + what;
}

void for_each_line_in(const Tree& tree, const std::function<bool(const std::string&)>& wanted,
                      const std::function<void(const std::string&, size_t, const std::string&)>& visit) {
  for (const auto& [path, text] : tree) {
    if (!wanted(path)) continue;
    const auto lines = lines_of(text);
    for (size_t i = 0; i < lines.size(); ++i) visit(path, i, lines[i]);
  }
}

// What stands between "hadal_module(NAME ... DEPS" and the next keyword, for every module of the tree.
std::map<std::string, std::set<std::string>> deps_of_modules(const Tree& tree) {
  std::map<std::string, std::set<std::string>> modules;
  static const std::regex call(R"(hadal_module\(([^)]*)\))");
  for (const auto& [path, text] : tree) {
    std::smatch match;
    if (module_of(path).empty() || !ends_with_any(path, {"/CMakeLists.txt"}) || !std::regex_search(text, match, call))
      continue;
    std::istringstream words(match[1].str());
    std::string name, word;
    words >> name;
    auto& deps = modules[module_of(path)];
    for (bool in_deps = false; words >> word;) {
      if (word == "DEPS" || word == "LIBS") {
        in_deps = word == "DEPS";
      } else if (in_deps) {
        deps.insert(word);
      }
    }
  }
  return modules;
}

const std::string kChartDocument = "docs/architecture.md";

std::vector<std::string> words_of(const std::string& text) {
  static const std::regex word("[a-z_]+");
  return {std::sregex_token_iterator(text.begin(), text.end(), word), {}};
}

// Who stands left of whom: the direct edges; what they reach may be included too. Read from the chart, whose lines hold
// chains such as "a, b -> {c, d} -> e" with two blanks or more between them.
using Edges = std::map<std::string, std::set<std::string>>;
Edges edges_of(const Tree& tree) {
  Edges edges;
  const auto document = tree.find(kChartDocument);
  if (document == tree.end()) return edges;
  const std::string& text = document->second;
  const size_t title = text.find("## Who may use whom"), begin = text.find("```\n", title);
  if (title == std::string::npos || begin == std::string::npos) return edges;
  const std::string chart = text.substr(begin + 4, text.find("```", begin + 4) - begin - 4);
  static const std::regex gap("  +|\n"), arrow(" *-> *");
  for (std::sregex_token_iterator chain(chart.begin(), chart.end(), gap, -1), end; chain != end; ++chain) {
    const std::string links = *chain;
    std::vector<std::string> left;
    for (std::sregex_token_iterator link(links.begin(), links.end(), arrow, -1); link != end; ++link) {
      const std::vector<std::string> right = words_of(*link);
      for (const auto& module : right)
        if (module != "all") edges[module].insert(left.begin(), left.end());
      left = right;
    }
  }
  if (auto program = edges.find(kProgram); program != edges.end()) {
    program->second.clear();  // "all"
    for (const auto& [module, below] : edges)
      if (module != kProgram) program->second.insert(module);
  }
  return edges;
}

void reach(const Edges& edges, const std::string& module, std::set<std::string>& reached) {
  const auto found = edges.find(module);
  if (found == edges.end()) return;
  for (const auto& next : found->second)
    if (reached.insert(next).second) reach(edges, next, reached);
}

}  // namespace

Findings kernels_are_called_through_ops(const Tree& tree) {
  static const std::set<std::string> callers = {"ops", "weights", "train", kProgram};
  Findings findings;
  for (const auto& [module, deps] : deps_of_modules(tree))
    if (deps.count("kernels") && !callers.count(module))
      findings.push_back("src/" + module + "/CMakeLists.txt: names kernels under DEPS; what " + module +
                         " lacks should become an op of src/ops");
  return findings;
}

Findings includes_follow_deps(const Tree& tree) {
  Findings findings;
  const auto modules = deps_of_modules(tree);
  const Edges edges = edges_of(tree);
  static const std::regex include("^\\s*#\\s*include\\s*\"([a-z_0-9]+)/[^\"]*\"");
  for_each_line_in(
      tree, [](const std::string& path) { return is_cpp(path) && !module_of(path).empty(); },
      [&](const std::string& path, size_t line, const std::string& text) {
        std::smatch match;
        if (text.find("include") == std::string::npos || !std::regex_search(text, match, include)) return;
        const std::string from = module_of(path), to = match[1];
        if (to == from || from == kProgram || !edges.count(to)) return;
        const auto module = modules.find(from);
        if (module == modules.end()) {
          findings.push_back(at(path, line, "src/" + from + "/CMakeLists.txt has no hadal_module()"));
        } else if (!module->second.count(to)) {
          findings.push_back(
              at(path, line, "includes " + to + "/, which src/" + from + "/CMakeLists.txt does not name under DEPS"));
        }
      });
  return findings;
}

Findings deps_follow_direction(const Tree& tree) {
  Findings findings;
  const Edges edges = edges_of(tree);
  if (edges.empty()) return {kChartDocument + ": has no chart under \"Who may use whom\""};
  for (const auto& [module, below] : edges) {
    std::set<std::string> reached;
    reach(edges, module, reached);
    if (reached.count(module)) findings.push_back(kChartDocument + ": the chart has a circle through " + module);
  }
  for (const auto& [module, deps] : deps_of_modules(tree)) {
    const std::string path = "src/" + module + "/CMakeLists.txt";
    if (!edges.count(module)) {
      findings.push_back(path + ": module " + module + " is not in the chart of " + kChartDocument);
      continue;
    }
    std::set<std::string> allowed;
    reach(edges, module, allowed);
    for (const auto& dep : deps) {
      if (!allowed.count(dep)) findings.push_back(path + ": " + module + " may not depend on " + dep);
    }
  }
  return findings;
}

// A word is taken for a path when its first part is a folder of the tree (of the root, of src/, or beside the
// document), or when it is a single name with the ending of a source file.
std::vector<std::pair<int, std::string>> paths_named(const std::string& text, const Tree& tree) {
  std::set<std::string> folders;
  for (const auto& [path, content] : tree) {
    const size_t slash = path.find('/');
    if (slash != std::string::npos) folders.insert(path.substr(0, slash));
    if (!module_of(path).empty()) folders.insert(module_of(path));
  }
  std::vector<std::pair<int, std::string>> found;
  const auto consider = [&](size_t line, std::string word, bool in_fence) {
    const size_t first = word.find_first_not_of("(\"'"), last = word.find_last_not_of(".,;:)\"'");
    if (first == std::string::npos || last == std::string::npos || last < first) return;
    word = word.substr(first, last - first + 1);
    if (starts_with(word, "./")) word = word.substr(2);
    while (starts_with(word, "../")) word = word.substr(3);
    if (word.empty() ||
        word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/*+") !=
            std::string::npos) {
      return;
    }
    const size_t slash = word.find('/');
    const bool in_folder =
        slash != std::string::npos && slash > 0 && slash + 1 < word.size() && folders.count(word.substr(0, slash));
    const bool is_name = slash == std::string::npos && !in_fence && word[0] != '*' &&
                         ends_with_any(word, {".cc", ".h", ".md", ".toml", ".sh", ".cmake", ".svelte"});
    // RECIPE.toml stands for any name; documents themselves may shout (README.md).
    const std::string stem = word.substr(0, word.find('.'));
    const bool stands_for_any =
        stem.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == std::string::npos && !ends_with_any(word, {".md"});
    if (in_folder || (is_name && !stands_for_any)) found.emplace_back(static_cast<int>(line) + 1, word);
  };

  static const std::regex marked(R"(`([^`]+)`|\]\(([^)#\s]+)[^)]*\))");
  bool in_fence = false;
  const auto lines = lines_of(text);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (starts_with(lines[i], "```")) {
      in_fence = !in_fence;
      continue;
    }
    std::string words;
    if (in_fence) {
      words = lines[i];
    } else {
      for (std::sregex_iterator m(lines[i].begin(), lines[i].end(), marked), end; m != end; ++m) {
        words += " " + (*m)[1].str() + " " + (*m)[2].str();
      }
    }
    std::istringstream stream(words);
    for (std::string word; stream >> word;) consider(i, word, in_fence);
  }
  return found;
}

Findings documents_name_what_exists(const Tree& tree) {
  const auto exists = [&](const std::string& name) {
    std::string pattern;
    for (const char c : name) pattern += c == '*' ? "[^/]*" : std::string(c == '.' || c == '+' ? "\\" : "") + c;
    if (pattern.back() == '/') pattern.pop_back();
    const std::regex path_or_folder(pattern + "(/.*)?");
    const bool is_pattern = name.find('*') != std::string::npos;
    return std::any_of(tree.begin(), tree.end(), [&](const auto& file) {
      if (is_pattern) return std::regex_match(file.first, path_or_folder);
      const std::string plain = name.back() == '/' ? name.substr(0, name.size() - 1) : name;
      return file.first == plain || starts_with(file.first, plain + "/");
    });
  };
  const auto exists_somewhere = [&](const std::string& name) {
    return std::any_of(tree.begin(), tree.end(),
                       [&](const auto& file) { return file.first == name || ends_with_any(file.first, {"/" + name}); });
  };
  Findings findings;
  for (const auto& [path, text] : tree) {
    if (!is_document(path)) continue;
    const size_t slash = path.rfind('/');
    const std::string beside = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    for (const auto& [line, name] : paths_named(text, tree)) {
      const bool found = name.find('/') == std::string::npos
                             ? exists_somewhere(name)
                             : exists(name) || exists("src/" + name) || (!beside.empty() && exists(beside + name));
      if (!found) findings.push_back(path + ":" + std::to_string(line) + ": names " + name + ", which does not exist");
    }
  }
  return findings;
}

namespace {

bool is_word_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool has_call(const std::string& sources, const std::string& name) {
  for (size_t i = sources.find(name + "("); i != std::string::npos; i = sources.find(name + "(", i + 1)) {
    if (i == 0 || !is_word_letter(sources[i - 1])) return true;
  }
  return false;
}

}  // namespace

Findings documents_name_functions_that_exist(const Tree& tree) {
  static const std::regex call(R"(`(?:[A-Za-z_0-9]+(?:::|\.))*([A-Za-z_0-9]+)\()");
  std::string sources;
  for (const auto& [path, text] : tree) {
    if (is_cpp(path) || ends_with_any(path, {".cmake"})) sources += text;
  }
  Findings findings;
  for_each_line_in(tree, is_document, [&](const std::string& path, size_t line, const std::string& text) {
    for (std::sregex_iterator match(text.begin(), text.end(), call), end; match != end; ++match) {
      const std::string name = (*match)[1];
      if (!has_call(sources, name)) {
        findings.push_back(at(path, line, "names the function " + name + "(), which does not exist"));
      }
    }
  });
  return findings;
}

Findings files_are_short(const Tree& tree) {
  constexpr size_t kMaxLines = 800;
  Findings findings;
  for (const auto& [path, text] : tree) {
    const size_t lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
    if (is_source(path) && lines > kMaxLines) {
      findings.push_back(path + ": has " + std::to_string(lines) + " lines, at most " + std::to_string(kMaxLines) +
                         " are allowed");
    }
  }
  return findings;
}

Findings intrinsics_stay_in_kernels(const Tree& tree) {
  static const char* const kMarks[] = {"intrin.h", "arm_neon.h", "arm_sve.h",      "cpuid.h", "_mm_",  "_mm256_",
                                       "_mm512_",  "_tile_",     "__builtin_ia32", "hwy/",    "hwy::", "asm volatile"};
  Findings findings;
  for_each_line_in(
      tree,
      [](const std::string& path) {
        return is_cpp(path) && starts_with(path, "src/") && !starts_with(path, "src/kernels/");
      },
      [&](const std::string& path, size_t line, const std::string& text) {
        for (const char* mark : kMarks) {
          // A pause in a waiting loop is no arithmetic.
          if (text.find(mark) != std::string::npos && text.find("__builtin_ia32_pause") == std::string::npos) {
            findings.push_back(at(path, line, std::string("has ") + mark + ", which belongs in src/kernels"));
          }
        }
      });
  return findings;
}

Findings json_is_read_in_one_place(const Tree& tree) {
  Findings findings;
  for_each_line_in(
      tree,
      [](const std::string& path) {
        return is_cpp(path) && starts_with(path, "src/") && path != "src/base/json.cc" &&
               !ends_with_any(path, {"_test.cc", "test_client.h"});
      },
      [&](const std::string& path, size_t line, const std::string& text) {
        for (const char* mark : {"Json::parse(", "json::parse(", "sax_parse(", "Json::accept("}) {
          if (text.find(mark) != std::string::npos)
            findings.push_back(at(path, line, "reads JSON without parse_json() of base/json.h"));
        }
      });
  return findings;
}

Findings nothing_is_left_undone(const Tree& tree) {
  static const std::string kMarks[] = {std::string("TO") + "DO", std::string("FIX") + "ME", std::string("XX") + "X",
                                       std::string("HA") + "CK"};
  Findings findings;
  for_each_line_in(
      tree,
      [](const std::string& path) {
        return is_source(path) || ends_with_any(path, {"CMakeLists.txt", ".cmake"});
      },
      [&](const std::string& path, size_t line, const std::string& text) {
        for (const auto& mark : kMarks) {
          const size_t found = text.find(mark);
          if (found == std::string::npos) continue;
          const auto letter = [&](size_t i) { return i < text.size() && is_word_letter(text[i]); };
          const bool alone = !(found > 0 && letter(found - 1)) && !letter(found + mark.size());
          if (alone) findings.push_back(at(path, line, "says " + mark + ": do it, or write it down elsewhere"));
        }
      });
  return findings;
}

Findings options_are_few(const Tree& tree) {
  constexpr size_t kMaxOptions = 6;
  static const std::regex option(R"(^\s*(option\s*\(\s*(HADAL_\w+)|set\s*\(\s*(HADAL_\w+)\s.*\sCACHE\s))");
  std::set<std::string> names;
  for_each_line_in(
      tree,
      [](const std::string& path) {
        return ends_with_any(path, {"CMakeLists.txt", ".cmake"}) || path == "CMakeLists.txt";
      },
      [&](const std::string&, size_t, const std::string& text) {
        std::smatch match;
        if (std::regex_search(text, match, option)) names.insert(match[2].str() + match[3].str());
      });
  if (names.size() <= kMaxOptions) return {};
  std::string list;
  for (const auto& name : names) list += " " + name;
  return {"CMakeLists.txt: has " + std::to_string(names.size()) + " options, at most " + std::to_string(kMaxOptions) +
          " are allowed:" + list};
}

Findings modules_are_declared_briefly(const Tree& tree) {
  constexpr size_t kMaxLines = 10;
  Findings findings;
  for (const auto& [path, text] : tree) {
    if (module_of(path).empty() || path != "src/" + module_of(path) + "/CMakeLists.txt") continue;
    if (lines_of(text).size() > kMaxLines)
      findings.push_back(path + ": has more than " + std::to_string(kMaxLines) + " lines");
    const std::string declaration =
        module_of(path) == kProgram ? "add_executable(hadal " : "hadal_module(" + module_of(path);
    if (text.find(declaration) == std::string::npos)
      findings.push_back(path + ": does not declare " + declaration + "...)");
  }
  return findings;
}

Findings headers_say_their_contract(const Tree& tree) {
  Findings findings;
  for (const auto& [path, text] : tree) {
    // A "-inl.h" file is a body that is included once for each level of the processor.
    if (!starts_with(path, "src/") || !ends_with_any(path, {".h"}) || ends_with_any(path, {"-inl.h"})) continue;
    if (!starts_with(text, "//")) findings.push_back(path + ":1: does not begin with a comment that says its contract");
    if (text.find("\n#pragma once\n") == std::string::npos) findings.push_back(path + ": has no #pragma once");
  }
  return findings;
}

Findings faces_lie_at_the_root(const Tree& tree) {
  // Of each header in src: who includes it.
  std::map<std::string, std::set<std::string>> users;
  static const std::regex include("^\\s*#\\s*include\\s*\"([a-z_0-9]+/[^\"]*)\"");
  for_each_line_in(tree, is_cpp, [&](const std::string& path, size_t, const std::string& text) {
    std::smatch match;
    if (text.find("include") != std::string::npos && std::regex_search(text, match, include))
      users["src/" + match[1].str()].insert(path);
  });
  const auto at_root = [&](const std::string& header) {
    return header.find('/', std::string("src/").size() + module_of(header).size() + 1) == std::string::npos;
  };
  const auto is_test = [](const std::string& path) {
    return ends_with_any(path, {"_test.cc"}) || path.find("/testing/") != std::string::npos ||
           !starts_with(path, "src/");
  };
  // A header of the face is included from elsewhere, or by another one of the face.
  std::set<std::string> face;
  for (size_t before = 1; before != face.size();) {
    before = face.size();
    for (const auto& [header, from] : users)
      if (at_root(header) && std::any_of(from.begin(), from.end(), [&](const std::string& path) {
            return module_of(path) != module_of(header) || face.count(path);
          }))
        face.insert(header);
    if (before == face.size()) break;
  }
  Findings findings;
  for (const auto& [path, text] : tree) {
    const std::string module = module_of(path);
    if (module.empty() || module == kProgram || !ends_with_any(path, {".h"})) continue;
    if (at_root(path)) {
      if (!face.count(path))
        findings.push_back(path + ": nothing outside " + module + " includes it; it belongs in a sub-folder");
      continue;
    }
    const bool for_tests = path.find("/testing/") != std::string::npos;
    for (const auto& user : users[path]) {
      if (for_tests ? !is_test(user) : module_of(user) != module && !is_test(user))
        findings.push_back(user + ": includes " + path + ", which is private to " + (for_tests ? "tests" : module));
    }
  }
  return findings;
}

Findings nothing_generated_is_tracked(const std::vector<std::string>& tracked) {
  static const std::regex generated(
      R"((^|/)(build[^/]*|out|runs|node_modules|dist|Testing|test-results|playwright-report|CMakeFiles)/.*|.*\.(o|a|so|gch|pch|tmp|log)$|(^|.*/)(CMakeCache\.txt|compile_commands\.json|build\.ninja)$)");
  Findings findings;
  for (const auto& path : tracked) {
    if (std::regex_search(path, generated)) findings.push_back(path + ": is made by a build and should not be in git");
  }
  return findings;
}

}  // namespace hadal::house
