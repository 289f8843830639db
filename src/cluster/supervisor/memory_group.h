// Control groups (version 2), by which the kernel limits the memory of a program and all that it starts. Few may make
// them: root, and users to whom a part of the tree was given. Where it is not possible, nothing here throws.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/files.h"

namespace hadal::cluster {

// The group of one program, made beside the group of this process or below it.
class MemoryGroup {
 public:
  static std::unique_ptr<MemoryGroup> make(const std::string& name, int64_t bytes);  // null: not possible here
  ~MemoryGroup();                                                                    // it must be empty
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;
  const Path& folder() const { return folder_; }
  int entrance() const { return entrance_; }  // a process that writes "0" to this descriptor is in it
  bool exceeded() const;                      // the kernel killed in it, for the limit
  void kill();                                // all in it at once, however fast they fork

 private:
  MemoryGroup() = default;
  Path folder_;
  int entrance_ = -1;
};

// By root, for a supervisor that will run as another user: a group that is this user's, FOLDER, and in it the group
// FOLDER/supervisor for itself. "": not possible here.
Path give_group(const std::string& name, uid_t uid);
void take_group_back(const Path& folder);  // when all in it have ended

}  // namespace hadal::cluster
