#include "cli/market_folders.h"

#include <fmt/core.h>

#include <algorithm>

namespace hadal {
namespace {

constexpr size_t kLongestName = 255;  // bytes; file systems take no more

// Where the path is in truth, all links followed; "" where there is nothing.
Path true_path(const Path& path) {
  std::error_code error;
  Path found = std::filesystem::canonical(path, error);
  return error ? Path() : found;
}

bool is_inside(const Path& base, const Path& path) {
  const Path top = true_path(base), found = true_path(path);
  if (top.empty() || found.empty() || found == top) return false;
  return std::mismatch(top.begin(), top.end(), found.begin(), found.end()).first == top.end();
}

bool is_plain(const std::string& name) {
  if (name.empty() || name.size() > kLongestName || name.front() == '.') return false;
  return std::none_of(name.begin(), name.end(), [](char c) { return c == '/' || c == '\\' || c == '\0'; });
}

}  // namespace

std::optional<Path> folder_inside(const Path& base, const std::string& name) {
  if (!is_plain(name)) return std::nullopt;
  std::error_code error;
  const Path folder = base / name;
  if (!std::filesystem::is_directory(folder, error) || !is_inside(base, folder)) return std::nullopt;
  return folder;
}

bool is_file_inside(const Path& base, const Path& file) {
  std::error_code error;
  return std::filesystem::is_regular_file(file, error) && is_inside(base, file);
}

std::vector<std::string> folders_inside(const Path& base) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(base, error), end; !error && at != end; at.increment(error)) {
    std::string name = at->path().filename().string();
    if (folder_inside(base, name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string file_stamp(const Path& file) {
  std::error_code no_time, no_size;
  const auto time = std::filesystem::last_write_time(file, no_time);
  const uint64_t size = std::filesystem::file_size(file, no_size);
  if (no_time || no_size) return "";
  return fmt::format("{}:{}", time.time_since_epoch().count(), size);
}

}  // namespace hadal
