// Files of items to measure a model on: JSON lines (.zst too), an object a line.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"
#include "tasks/task.h"

namespace hadal::tasks {

// Calls `item` with the JSON of each line, at most `limit` of them (0: all), and with where it stands: "FILE: line 3"
// and 3. Empty lines are left out. Error where a line is no JSON, or where there is none at all.
void for_each_item(const Path& file, int64_t limit,
                   const std::function<void(OrderedJson&& json, const std::string& where, int64_t line)>& item);

// The items of verifiable tasks (tasks/task.h). One without a "task" is of math. Error naming the line that is none.
struct TaskItem {
  const Task* task = nullptr;
  std::shared_ptr<const OrderedJson> item;
};
std::vector<TaskItem> read_task_items(const Path& file, int64_t limit);

using Fields = std::map<std::string, std::string>;

// Of each line's object the fields `names`, texts or numbers (as text); at most `limit` lines (0: all); empty lines are
// left out. Error naming the line where a field is missing, or where there is no line at all.
std::vector<Fields> read_items(const Path& file, const std::vector<std::string>& names, int64_t limit);

}  // namespace hadal::tasks
