#include "rl/items_spec.h"

#include <algorithm>

#include "base/error.h"
#include "tasks/task.h"
#include "train/recipe_file.h"

namespace hadal::rl {
namespace {

std::vector<std::string> known_kinds() {
  std::vector<std::string> kinds;
  for (const tasks::Task* task : tasks::all_tasks())
    kinds.insert(kinds.end(), task->kinds().begin(), task->kinds().end());
  return kinds;
}

std::optional<tasks::CommandSpec> read_verifier(TomlTable& table, const Path& folder) {
  if (!table.has("verifier")) return std::nullopt;
  tasks::CommandSpec spec;
  tasks::SandboxSpec& box = spec.sandbox;
  box.who = table.where("verifier") + ": verifier";
  box.command = table.texts("verifier");
  box.folder = folder;
  if (box.command.empty() || box.command.front().empty())
    fail("{}: expected a program and its arguments, as [\"python3\", \"check.py\"], found none", box.who);
  spec.line_seconds = table.number("verifier_seconds", spec.line_seconds, 0.01, 3600);
  box.memory_mb = table.integer("verifier_memory_mb", box.memory_mb, 16, 1 << 20);
  box.processes = table.integer("verifier_processes", box.processes, 1, 1 << 16);
  box.disk_mb = table.integer("verifier_disk_mb", box.disk_mb, 1, 1 << 20);
  return spec;
}

ItemsFile read_items_file(TomlTable table, const Path& folder) {
  table.require("name");
  table.require("path");
  ItemsFile file{table.text("name", ""), table.where("path"), anchored(folder, table.text("path", "")),
                 read_verifier(table, folder)};
  table.finish();
  if (file.name.empty() || file.path.empty()) fail("{}: expected a name and a path, found an empty text", file.where);
  return file;
}

}  // namespace

std::vector<ItemsFile> read_items_files(TomlTable& recipe, const Path& folder) {
  std::vector<ItemsFile> files;
  for (TomlTable& items : recipe.tables("items")) files.push_back(read_items_file(items, folder));
  return files;
}

std::vector<std::pair<std::string, double>> read_tasks(TomlTable& table, const std::vector<ItemsFile>& files) {
  std::vector<std::string> known = known_kinds();
  for (const ItemsFile& file : files) {
    if (std::ranges::find(known, file.name) != known.end())
      fail("{}: name: \"{}\" is a kind of items or another file already; take another name", file.where, file.name);
    known.push_back(file.name);
  }
  auto tasks = table.shares("tasks");
  std::erase_if(tasks, [](const auto& task) { return task.second == 0; });
  for (const auto& [name, share] : tasks) {
    if (std::ranges::find(known, name) != known.end()) continue;
    std::string list;
    for (const std::string& kind : known) list += (list.empty() ? "" : ", ") + kind;
    fail("{}: tasks: \"{}\" is no kind of items; the nearest is \"{}\" (there are {})", table.where("tasks"), name,
         nearest_word(name, known), list);
  }
  if (tasks.empty()) fail("{}: tasks: expected at least one kind with a share above 0", table.where("tasks"));
  return tasks;
}

}  // namespace hadal::rl
