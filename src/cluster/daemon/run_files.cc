#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cluster/daemon/impl.h"

namespace hadal::cluster {

NewFolder::NewFolder(const Path& target_, const Account& account_)
    : path(target_.parent_path() / fmt::format(".new-{}-{}", target_.filename().string(), ::getpid())),
      target(target_),
      account(account_) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
  if (::mkdir(path.c_str(), 0700) != 0) fail("{}: cannot be made: {}", path.string(), std::strerror(errno));
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  if (!committed) std::filesystem::remove_all(path, ignored);
}

void NewFolder::write(const std::string& name, std::string_view content, uint32_t mode) {
  const Path file = path / name;
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) fail("{}: cannot be written: {}", file.string(), std::strerror(errno));
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t count = ::write(fd, content.data() + done, content.size() - done);
    if (count <= 0 && errno != EINTR) break;
    if (count > 0) done += static_cast<size_t>(count);
  }
  const int reason = errno;
  const bool whole = done == content.size() && ::fchmod(fd, mode) == 0;
  ::close(fd);
  if (!whole) fail("{}: cannot be written: {}", file.string(), std::strerror(reason));
}

// Nobody but us was in it until now.
void NewFolder::give() {
  if (::geteuid() != 0) return;
  const auto give_one = [&](const Path& entry) {
    if (::lchown(entry.c_str(), account.uid, account.gid) != 0)
      fail("{}: cannot be given to {}: {}", entry.string(), account.user, std::strerror(errno));
  };
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) give_one(entry.path());
  give_one(path);
}

void NewFolder::commit() {
  if (::rename(path.c_str(), target.c_str()) != 0)
    fail("{}: cannot be made: {}", target.string(), std::strerror(errno));
  committed = true;
}

}  // namespace hadal::cluster
