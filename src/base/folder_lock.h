// A folder in which one process at a time works.
#pragma once

#include <string_view>

#include "base/files.h"

namespace hadal {

// Holds a lock on the file `lock` in the folder, which the system takes back when the process ends, however it ends;
// the file says who holds it. It stays when the lock is given back, or may be removed with the folder while it is held.
class FolderLock {
 public:
  // `work` and `advice` are the words of the Error where another holds it: "FOLDER: WORK: process 12 on host; ADVICE".
  // Error too where the file cannot be written. A file system without locks is logged, and nothing is held.
  // `patience_s`: where another holds it, waits so long for its end. `needed`: false for work that is fenced otherwise,
  // which then goes on without the lock and logs that.
  FolderLock(const Path& folder, std::string_view work, std::string_view advice, double patience_s = 0,
             bool needed = true);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace hadal
