// The file of a Unix socket that is listened on.
#pragma once

#include <cstdint>

#include "base/files.h"

namespace hadal {

// Bound on construction; removed by the destructor, unless another process has put its own in this place.
class UnixSocketFile {
 public:
  // Replaces a socket on which nobody listens. Error where somebody does, where something else lies there, and for a
  // path that is too long for a socket.
  UnixSocketFile(const Path& path, uint32_t mode);
  ~UnixSocketFile();
  UnixSocketFile(const UnixSocketFile&) = delete;
  UnixSocketFile& operator=(const UnixSocketFile&) = delete;

  int take_fd();  // of the listening socket; the caller closes it

 private:
  Path path_;
  int fd_ = -1;
  uint64_t device_ = 0, inode_ = 0;
};

}  // namespace hadal
