// The rules of the house, as pure functions over the texts of the tree, so that each can be shown to fail on a bad
// tree. Every rule returns its findings, one line each, "path:line: what is wrong"; none means that the rule is kept.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace hadal::house {

using Tree = std::map<std::string, std::string>;  // path from the root -> text; files that are not text have ""
using Findings = std::vector<std::string>;

// A module includes itself and what its CMakeLists.txt names under DEPS.
Findings includes_follow_deps(const Tree& tree);

// Under DEPS, kernels is named only by ops, by weights (to quantise) and by train (the optimizer): the model and all
// that runs it compute through ops.
Findings kernels_are_called_through_ops(const Tree& tree);

// DEPS name only modules that stand left of it in docs/architecture.md.
Findings deps_follow_direction(const Tree& tree);

// A path in README.md, CONTRIBUTING.md or docs/ exists in the tree.
Findings documents_name_what_exists(const Tree& tree);

// A function named in such a document, as `name()`, stands in src/.
Findings documents_name_functions_that_exist(const Tree& tree);

// A source file has at most 800 lines.
Findings files_are_short(const Tree& tree);

// Headers and names of processor-specific instructions stay in src/kernels.
Findings intrinsics_stay_in_kernels(const Tree& tree);

// JSON of files and requests is read by base/json.h alone, which bounds its depth.
Findings json_is_read_in_one_place(const Tree& tree);

// No note about work that is left to do.
Findings nothing_is_left_undone(const Tree& tree);

// At most six HADAL_ options of the build.
Findings options_are_few(const Tree& tree);

// A module's CMakeLists.txt has at most ten lines.
Findings modules_are_declared_briefly(const Tree& tree);

// A header says its contract first, and is included once.
Findings headers_say_their_contract(const Tree& tree);

// Two headers that define a type of one name make one program with two meanings of it, and a crash far away.
Findings types_have_one_home(const Tree& tree);

// src/ops/testing/op_list.cc names exactly the ops that src/ops/ops.h declares, and the gradient test walks that list.
Findings ops_have_gradient_tests(const Tree& tree);

// Every verb of the command line is in docs/cli.md.
Findings verbs_are_documented(const Tree& tree);

// Every recipe is named in README.md or docs/.
Findings recipes_are_documented(const Tree& tree);

// A header at a module's root is included from outside the module (or by such a one); a header in a sub-folder is
// included by its own module and by tests alone, one in testing/ by tests alone.
Findings faces_lie_at_the_root(const Tree& tree);

// Nothing that a build makes is in git. `tracked`: the paths that git knows.
Findings nothing_generated_is_tracked(const std::vector<std::string>& tracked);

// The words of a document that claim to be paths, with the line where each stands.
std::vector<std::pair<int, std::string>> paths_named(const std::string& text, const Tree& tree);

}  // namespace hadal::house
