#include "base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

namespace hadal {
namespace {

std::string this_process() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  return fmt::format("process {} on {}", ::getpid(), host);
}

std::string owner_of(int fd) {
  char text[400] = "";
  const ssize_t size = ::pread(fd, text, sizeof text - 1, 0);
  std::string owner(text, size > 0 ? static_cast<size_t>(size) : 0);
  while (!owner.empty() && owner.back() == '\n') owner.pop_back();
  return owner.empty() ? "its name is not known" : brief(owner, sizeof text);
}

// The file that was locked may have been removed with its folder meanwhile.
bool is_there(int fd, const Path& file) {
  struct stat mine, there;
  return ::fstat(fd, &mine) == 0 && ::stat(file.c_str(), &there) == 0 && mine.st_ino == there.st_ino;
}

}  // namespace

FolderLock::FolderLock(const Path& folder, std::string_view work, std::string_view advice, double patience_s,
                       bool needed) {
  const Path file = folder / "lock";
  const Stopwatch waited;
  for (;;) {
    fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0)
      fail("{}: cannot be written: {}; take an output that can be written", folder.string(), std::strerror(errno));
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK || waited.seconds() >= patience_s) break;
      ::close(std::exchange(fd_, -1));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      continue;
    }
    if (is_there(fd_, file)) {
      const std::string owner = this_process() + "\n";
      if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, owner.data(), owner.size(), 0) < 0)
        log_warning("{}: cannot be written: {}", file.string(), std::strerror(errno));
      return;
    }
    ::close(std::exchange(fd_, -1));
  }
  const int reason = errno;
  const std::string owner = owner_of(fd_);
  ::close(std::exchange(fd_, -1));
  if (reason == EWOULDBLOCK && needed) fail("{}: {}: {}; {}", folder.string(), work, owner, advice);
  if (reason == EWOULDBLOCK)
    log_warning("{}: {}: {}; it did not end within {:.0f} s, going on", folder.string(), work, owner, patience_s);
  else
    log_warning("{}: this file system knows no locks ({}): see to it that no other run takes this folder",
                folder.string(), std::strerror(reason));
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace hadal
