#include "cli/api_keys.h"

#include "base/error.h"

namespace hadal {

std::vector<std::string> read_api_keys(const Path& file) {
  std::vector<std::string> keys;
  for_each_line(file, [&](std::string_view line, int64_t) {
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t')) line.remove_suffix(1);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    if (!line.empty() && line.front() != '#') keys.emplace_back(line);
    return true;
  });
  if (keys.empty()) fail("{}: expected at least one API key, one a line, found none", file.string());
  return keys;
}

}  // namespace hadal
