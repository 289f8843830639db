#include "tasks/items_file.h"

#include "base/error.h"
#include "base/json.h"

namespace hadal::tasks {

void for_each_item(const Path& file, int64_t limit,
                   const std::function<void(OrderedJson&& json, const std::string& where, int64_t line)>& item) {
  int64_t count = 0;
  for_each_line(file, [&](std::string_view line, int64_t number) {
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
    const std::string where = fmt::format("{}: line {}", file.string(), number);
    item(parse_ordered_json(line, where), where, number);
    return ++count != limit;
  });
  if (count == 0) fail("{}: expected at least one line of JSON, found none", file.string());
}

std::vector<TaskItem> read_task_items(const Path& file, int64_t limit) {
  std::vector<TaskItem> items;
  for_each_item(file, limit, [&](OrderedJson&& json, const std::string& where, int64_t) {
    if (json.is_object() && !json.contains("task")) json["task"] = "math";
    const Task& task = task_of(json, where);
    items.push_back({&task, std::make_shared<OrderedJson>(std::move(json))});
  });
  return items;
}

std::vector<Fields> read_items(const Path& file, const std::vector<std::string>& names, int64_t limit) {
  std::vector<Fields> items;
  for_each_item(file, limit, [&](OrderedJson&& json, const std::string& where, int64_t) {
    Fields& item = items.emplace_back();
    for (const std::string& name : names) {
      if (!json.is_object() || !json.contains(name) || !(json[name].is_string() || json[name].is_number()))
        fail("{}: expected an object with a text \"{}\"", where, name);
      item[name] = json[name].is_string() ? json[name].get<std::string>() : json[name].dump();
    }
  });
  return items;
}

}  // namespace hadal::tasks
