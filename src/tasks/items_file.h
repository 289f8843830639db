// Files of items to measure a model on: JSON lines (.zst too), an object a line.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/files.h"

namespace hadal::tasks {

using Fields = std::map<std::string, std::string>;

// Of each line's object the fields `names`, texts or numbers (as text); at most `limit` lines (0: all); empty lines are
// left out. Error naming the line where a field is missing, or where there is no line at all.
std::vector<Fields> read_items(const Path& file, const std::vector<std::string>& names, int64_t limit);

}  // namespace hadal::tasks
