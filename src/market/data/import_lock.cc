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
#include "market/data/importer.h"

namespace hadal::market {

ImportLock::ImportLock(const Path& folder, double wait_seconds) {
  const Path file = folder / "import.lock";
  const Stopwatch watch;
  for (;;) {
    std::error_code error;
    is_new_ = !std::filesystem::exists(folder / "market.db");
    std::filesystem::create_directories(folder / "bars", error);
    if (error) fail("{}: cannot make this folder: {}", (folder / "bars").string(), error.message());
    if (take(file)) return;
    if (watch.seconds() > wait_seconds)
      fail("{}: another import is writing to this market; waited {:.0f} s, try again when it is done", folder.string(),
           wait_seconds);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

bool ImportLock::take(const Path& file) {
  fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) {
    if (errno == ENOENT) return false;  // removed by an import that failed, a moment ago
    fail("{}: cannot open it: {}", file.string(), std::strerror(errno));
  }
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) {
    // The file that was locked may have been removed meanwhile, and another made.
    struct stat mine, there;
    if (::fstat(fd_, &mine) == 0 && ::stat(file.c_str(), &there) == 0 && mine.st_ino == there.st_ino) return true;
  } else if (errno != EWOULDBLOCK && errno != EINTR) {
    const std::string why = std::strerror(errno);
    ::close(std::exchange(fd_, -1));
    fail("{}: cannot be locked: {}; put the market on another file system", file.string(), why);
  }
  ::close(std::exchange(fd_, -1));
  return false;
}

ImportLock::~ImportLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace hadal::market
