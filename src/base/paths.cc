#include "base/paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"

namespace hadal {

std::optional<int> descriptor_of(const Path& path) {
  const std::string folder = path.parent_path().string(), name = path.filename().string();
  if ((folder != "/proc/self/fd" && folder != "/dev/fd") || name.empty() || name.size() > 6) return {};
  if (name.find_first_not_of("0123456789") != std::string::npos) return {};
  return std::stoi(name);
}

Path end_of_links(const Path& path) {
  Path at = path;
  for (int links = 0; links < 40; ++links) {
    std::error_code error;
    if (descriptor_of(at)) return at;
    const Path next = std::filesystem::read_symlink(at, error);
    if (error) return at;
    at = next.is_absolute() ? next : at.parent_path() / next;
  }
  fail("{}: expected a file, found a symbolic link that leads to itself", path.string());
}

bool is_written_through(const Path& path) {
  const Path end = end_of_links(path);
  struct stat status;
  return descriptor_of(end) ||
         (::stat(end.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode));
}

std::vector<Path> files_below(const Path& folder, const std::function<bool(const Path&)>& wanted,
                              const std::function<void(const Path&, const std::string&)>& unread) {
  std::vector<Path> files;
  std::error_code error;
  const auto check = [&] {
    if (error) fail("{}: cannot be read: {}", folder.string(), error.message());
  };
  std::filesystem::recursive_directory_iterator at(folder, error), end;
  for (check(); at != end; at.increment(error), check()) {
    const Path& path = at->path();
    std::error_code none;  // of what is gone meanwhile: it is neither a folder nor a file
    const bool left_out = path.filename().string().starts_with('.') || at->is_symlink(none);
    if (at->is_directory(none)) {
      const bool readable = left_out || ::access(path.c_str(), R_OK | X_OK) == 0;
      if (!readable) unread(path, "the folder cannot be read");
      if (left_out || !readable) at.disable_recursion_pending();
    } else if (!left_out && at->is_regular_file(none) && wanted(path)) {
      files.push_back(path);
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace hadal
