#include "server/http/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

std::string reason() { return std::system_category().message(errno); }

sockaddr_un address_of(const Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.empty() || text.size() >= sizeof address.sun_path) {
    fail("{}: expected the path of a Unix socket, of 1 to {} bytes, found {}; take a folder with a shorter path", text,
         sizeof address.sun_path - 1, text.size());
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

// Makes room for a socket: what a killed process left is removed.
void clear(const Path& path, const sockaddr_un& address, int fd) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return;
  if (!S_ISSOCK(found.st_mode)) fail("{}: expected a socket or nothing, found another file", path.string());
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN)
    fail("{}: another program listens there; stop that one, or choose another socket", path.string());
  if (errno != ECONNREFUSED) fail("{}: cannot see who listens there: {}", path.string(), reason());
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail("{}: cannot be replaced: {}", path.string(), reason());
}

int new_socket() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) fail("cannot make a Unix socket: {}", reason());
  return fd;
}

}  // namespace

UnixSocketFile::UnixSocketFile(const Path& path, uint32_t mode) : path_(path) {
  const sockaddr_un address = address_of(path);
  const int probe = new_socket();
  try {
    clear(path, address, probe);
  } catch (...) {
    ::close(probe);
    throw;
  }
  ::close(probe);
  fd_ = new_socket();
  // Nobody gets in before listen(): the mode is right by then.
  const bool bound = ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  struct stat made {};
  if (!bound || ::chmod(path.c_str(), mode) != 0 || ::lstat(path.c_str(), &made) != 0 ||
      ::listen(fd_, SOMAXCONN) != 0) {
    const std::string why = reason();
    if (bound) ::unlink(path.c_str());
    ::close(fd_);
    fail("{}: cannot listen there: {}", path.string(), why);
  }
  device_ = made.st_dev;
  inode_ = made.st_ino;
}

UnixSocketFile::~UnixSocketFile() {
  struct stat now {};
  if (::lstat(path_.c_str(), &now) == 0 && now.st_dev == device_ && now.st_ino == inode_) ::unlink(path_.c_str());
  if (fd_ >= 0) ::close(fd_);
}

int UnixSocketFile::take_fd() { return std::exchange(fd_, -1); }

}  // namespace hadal
