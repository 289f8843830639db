#include "cluster/supervisor/memory_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace hadal::cluster {
namespace {

// Files of a group take a value with one write().
bool set_value(const Path& file, const std::string& value) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = ::write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size());
  ::close(fd);
  return done;
}

std::string value_of(const Path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Where the tree of version 2 is mounted, and this process in it; "" where there is none.
Path own_group() {
  std::istringstream mounts(value_of("/proc/self/mountinfo")), groups(value_of("/proc/self/cgroup"));
  Path mount, top;
  for (std::string line; mount.empty() && std::getline(mounts, line);) {
    const std::vector<std::string> words = split(line, ' ');  // id parent device root mount options ... - type
    if (line.find(" - cgroup2 ") == std::string::npos || words.size() < 5) continue;
    top = words[3];
    mount = words[4];
  }
  for (std::string line; !mount.empty() && std::getline(groups, line);) {
    if (!line.starts_with("0::/")) continue;
    const Path below = Path(line.substr(3)).lexically_relative(top);
    if (!below.empty() && *below.begin() != "..") return (mount / below).lexically_normal();
  }
  return {};
}

// A new group in which memory can be limited: in that of this process, or beside it. "": not possible.
Path make_group(const std::string& name) {
  const Path own = own_group();
  if (own.empty()) return {};
  for (const Path& parent : {own, own.parent_path()}) {
    // The kernel refuses this where processes are in the group itself, but for the root of the tree.
    if (!has_word(value_of(parent / "cgroup.subtree_control"), "memory") &&
        !set_value(parent / "cgroup.subtree_control", "+memory"))
      continue;
    const Path group = parent / name;
    if (::mkdir(group.c_str(), 0755) == 0 || errno == EEXIST) return group;
  }
  return {};
}

}  // namespace

std::unique_ptr<MemoryGroup> MemoryGroup::make(const std::string& name, int64_t bytes) {
  const Path folder = make_group(name);
  if (folder.empty()) return nullptr;
  std::unique_ptr<MemoryGroup> group(new MemoryGroup);
  group->folder_ = folder;
  if (!set_value(folder / "memory.max", std::to_string(bytes))) return nullptr;
  set_value(folder / "memory.swap.max", "0");   // not there without swap
  set_value(folder / "memory.oom.group", "1");  // all of it, or a part would go on without the other
  group->entrance_ = ::open((folder / "cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
  return group->entrance_ < 0 ? nullptr : std::move(group);
}

MemoryGroup::~MemoryGroup() {
  if (entrance_ >= 0) ::close(entrance_);
  ::rmdir(folder_.c_str());
}

bool MemoryGroup::exceeded() const {
  const std::string events = value_of(folder_ / "memory.events");
  const size_t at = events.find("oom_kill ");
  return at != std::string::npos && std::atoll(events.c_str() + at + 9) > 0;
}

void MemoryGroup::kill() { set_value(folder_ / "cgroup.kill", "1"); }

Path give_group(const std::string& name, uid_t uid) {
  const Path folder = make_group(name);
  if (folder.empty()) return {};
  const bool made = (::mkdir((folder / "supervisor").c_str(), 0755) == 0 || errno == EEXIST) &&
                    set_value(folder / "cgroup.subtree_control", "+memory");
  bool given = made;
  for (const char* file : {"", "cgroup.procs", "cgroup.subtree_control"})
    given = given && ::chown((folder / file).c_str(), uid, static_cast<gid_t>(-1)) == 0;
  if (given) return folder;
  take_group_back(folder);
  return {};
}

void take_group_back(const Path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.is_directory(error)) ::rmdir(entry.path().c_str());
  ::rmdir(folder.c_str());
}

}  // namespace hadal::cluster
