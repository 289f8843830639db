#include "cluster/daemon/run_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace hadal::cluster {

RunFile::RunFile(const Path& run_folder, const std::string& name)
    : fd_(::open((run_folder / name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) {
  if (fd_ < 0) return;
  // A hard link to somebody else's file is none of the run's.
  struct stat file = {}, owner = {};
  if (::fstat(fd_, &file) != 0 || ::lstat(run_folder.c_str(), &owner) != 0 || !S_ISREG(file.st_mode) ||
      file.st_uid != owner.st_uid)
    ::close(std::exchange(fd_, -1));
}

RunFile::~RunFile() {
  if (fd_ >= 0) ::close(fd_);
}

int64_t RunFile::size() const {
  struct stat there = {};
  return fd_ >= 0 && ::fstat(fd_, &there) == 0 ? there.st_size : 0;
}

std::string RunFile::read(int64_t offset, int64_t most) const {
  std::string text(static_cast<size_t>(std::max<int64_t>(0, most)), '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = ::pread(fd_, text.data() + done, text.size() - done, offset + static_cast<int64_t>(done));
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  text.resize(done);
  return text;
}

}  // namespace hadal::cluster
