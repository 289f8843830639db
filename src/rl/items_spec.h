// The part of a recipe that says which items a run asks: kinds of tasks with their shares, and files of items.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/toml_table.h"
#include "tasks/command_verifier.h"

namespace hadal::rl {

// The `question`s and `answer`s of a file, or items of any task.
struct ItemsFile {
  std::string name, where;
  Path path;
  std::optional<tasks::CommandSpec> verifier;  // judges its items in the place of their task
};

struct ItemsSpec {
  std::vector<std::pair<std::string, double>> tasks;  // kinds of items, or names of `files`, and their shares
  std::vector<ItemsFile> files;
};

// The [[items]] of a recipe in this folder.
std::vector<ItemsFile> read_items_files(TomlTable& recipe, const Path& folder);

// The `tasks` of one of its tables, which name kinds of items and `files`. Error for a name that is neither.
std::vector<std::pair<std::string, double>> read_tasks(TomlTable& table, const std::vector<ItemsFile>& files);

}  // namespace hadal::rl
