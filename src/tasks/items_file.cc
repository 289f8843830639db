#include "tasks/items_file.h"

#include "base/error.h"
#include "base/json.h"

namespace hadal::tasks {

std::vector<Fields> read_items(const Path& file, const std::vector<std::string>& names, int64_t limit) {
  std::vector<Fields> items;
  for_each_line(file, [&](std::string_view line, int64_t number) {
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
    const std::string who = fmt::format("{}: line {}", file.string(), number);
    const Json json = parse_json(line, who);
    Fields& item = items.emplace_back();
    for (const std::string& name : names) {
      if (!json.is_object() || !json.contains(name) || !(json[name].is_string() || json[name].is_number()))
        fail("{}: expected an object with a text \"{}\"", who, name);
      item[name] = json[name].is_string() ? json[name].get<std::string>() : json[name].dump();
    }
    return limit == 0 || static_cast<int64_t>(items.size()) < limit;
  });
  if (items.empty()) fail("{}: expected at least one line of JSON, found none", file.string());
  return items;
}

}  // namespace hadal::tasks
