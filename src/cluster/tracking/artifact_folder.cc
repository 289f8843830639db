#include "cluster/tracking/artifact_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/text.h"
#include "cluster/tracking/mlflow_error.h"
#include "net/url.h"

namespace hadal::cluster {
namespace {

constexpr size_t kMaxPathBytes = 4000, kMaxPathParts = 64, kMaxPartBytes = 200, kPieceBytes = 256 << 10;
constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

class Handle {
 public:
  explicit Handle(int fd = -1) : fd_(fd) {}
  Handle(Handle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Handle() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

[[noreturn]] void fail_system(std::string_view what, const std::string& name) {
  const int code = errno;
  const char* hint = code == ENOSPC || code == EDQUOT ? "; free some space and try again" : "";
  fail("artifact {}: cannot {}: {}{}", brief(name), what, std::strerror(code), hint);
}

[[noreturn]] void refuse_missing(const ArtifactPath& path) {
  std::string text;
  for (const std::string& part : path) text += (text.empty() ? "" : "/") + part;
  refuse(MlflowCode::no_such, "no artifact {}", brief(text));
}

// Under root what is made belongs to whom the run's folder belongs to.
void hand_over(int fd, const struct stat& owner) {
  if (::geteuid() == 0 && ::fchown(fd, owner.st_uid, owner.st_gid) != 0) fail_system("hand over to its owner", "");
}

// A folder in `at`; none where it is not there, or is a link or a file.
Handle open_folder(int at, const std::string& name) {
  Handle folder(::openat(at, name.c_str(), kFolder));
  if (!folder && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) fail_system("open", name);
  return folder;
}

Handle made_folder(int at, const std::string& name, const struct stat& owner) {
  Handle folder = open_folder(at, name);
  if (folder) return folder;
  const bool is_new = ::mkdirat(at, name.c_str(), 0750) == 0;
  if (!is_new && errno != EEXIST) fail_system("make the folder", name);
  folder = open_folder(at, name);
  if (!folder) refuse(MlflowCode::invalid, "artifact {}: a folder is expected, found a file or a link", brief(name));
  if (is_new) hand_over(folder.get(), owner);
  return folder;
}

// `path` without its last part, below the run's artifacts.
Handle folder_at(const Path& run_folder, const ArtifactPath& path, size_t parts) {
  Handle folder(::open(run_folder.c_str(), kFolder));
  if (folder) folder = open_folder(folder.get(), "artifacts");
  for (size_t i = 0; folder && i < parts; ++i) folder = open_folder(folder.get(), path[i]);
  return folder;
}

struct FolderCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

std::vector<std::string> names_in(const Handle& folder) {
  const std::unique_ptr<DIR, FolderCloser> dir(::fdopendir(::openat(folder.get(), ".", kFolder)));
  if (!dir) fail_system("read the folder", ".");
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// What was never finished has such a name, which no path of a client may have.
constexpr std::string_view kUnfinished = ".hadal-upload-";
std::string unfinished_name() {
  static std::atomic<uint64_t> count = 0;
  return fmt::format("{}{}-{}", kUnfinished, ::getpid(), ++count);
}

void remove_tree(int at, const std::string& name, size_t depth) {
  if (depth > 4 * kMaxPathParts) fail("artifact {}: its folders are nested too deeply to remove", brief(name));
  if (Handle folder = open_folder(at, name)) {
    for (const std::string& inner : names_in(folder)) remove_tree(folder.get(), inner, depth + 1);
    if (::unlinkat(at, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) fail_system("remove", name);
  } else if (::unlinkat(at, name.c_str(), 0) != 0 && errno != ENOENT) {
    fail_system("remove", name);
  }
}

void write_all(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_system("write", name);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace

ArtifactPath artifact_path(std::string_view text) {
  const auto refuse_path = [&](std::string_view why) {
    refuse(MlflowCode::invalid, "Invalid path {}: {}; expected names below the run's artifacts, joined by /",
           brief(text), why);
  };
  ArtifactPath path;
  if (text.empty() || text == ".") return path;
  if (text.size() > kMaxPathBytes) refuse_path("it is longer than 4,000 bytes");
  if (text[0] == '/') refuse_path("it is absolute");
  if (text.find('\\') != std::string_view::npos) refuse_path("it has a backslash");
  if (net::url_unescape(text) != text) refuse_path("it has a percent code");
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
    refuse_path("it has a control character");
  if (text.ends_with('/')) text.remove_suffix(1);
  path = split(text, '/');
  if (path.size() > kMaxPathParts) refuse_path("it has more than 64 parts");
  for (const std::string& part : path) {
    if (part.empty() || part == "." || part == "..") refuse_path("a part of it is empty, . or ..");
    if (part.size() > kMaxPartBytes) refuse_path("a part of it is longer than 200 bytes");
    if (part.starts_with(kUnfinished)) refuse_path("such names are of unfinished uploads");
  }
  return path;
}

std::vector<ArtifactFolder::Entry> ArtifactFolder::list(const ArtifactPath& path) const {
  std::vector<Entry> entries;
  const Handle folder = folder_at(run_folder_, path, path.size());
  if (!folder) return entries;
  for (const std::string& name : names_in(folder)) {
    struct stat status;
    if (name.starts_with(kUnfinished) || ::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    if (S_ISDIR(status.st_mode)) entries.push_back({name, true, 0});
    if (S_ISREG(status.st_mode)) entries.push_back({name, false, status.st_size});
  }
  return entries;
}

std::function<std::string()> ArtifactFolder::read(const ArtifactPath& path) const {
  if (path.empty()) refuse_missing(path);
  const Handle folder = folder_at(run_folder_, path, path.size() - 1);
  if (!folder) refuse_missing(path);
  // A pipe would wait for its writer.
  auto file = std::make_shared<Handle>(
      ::openat(folder.get(), path.back().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status;
  if (!*file || ::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) refuse_missing(path);
  return [file, name = path.back()] {
    std::string piece(kPieceBytes, '\0');
    ssize_t n;
    do n = ::read(file->get(), piece.data(), piece.size());
    while (n < 0 && errno == EINTR);
    if (n < 0) fail_system("read", name);
    piece.resize(static_cast<size_t>(n));
    return piece;
  };
}

void ArtifactFolder::write(const ArtifactPath& path, const std::function<std::string()>& pieces) const {
  if (path.empty()) refuse(MlflowCode::invalid, "an upload names no file: expected a path behind the run's artifacts");
  if (make_ && ::mkdir(run_folder_.c_str(), 0750) != 0 && errno != EEXIST)
    fail_system("make the run's folder", run_folder_.string());
  Handle folder(::open(run_folder_.c_str(), kFolder));
  struct stat owner;
  if (!folder || ::fstat(folder.get(), &owner) != 0) fail_system("open the run's folder", run_folder_.string());
  folder = made_folder(folder.get(), "artifacts", owner);
  for (size_t i = 0; i + 1 < path.size(); ++i) folder = made_folder(folder.get(), path[i], owner);

  const std::string unfinished = unfinished_name();
  ::unlinkat(folder.get(), unfinished.c_str(), 0);  // of an earlier process with this number
  Handle file(::openat(folder.get(), unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640));
  if (!file) fail_system("write", path.back());
  try {
    hand_over(file.get(), owner);
    for (std::string piece = pieces(); !piece.empty(); piece = pieces()) write_all(file.get(), piece, path.back());
    if (::fsync(file.get()) != 0) fail_system("write", path.back());
    if (::renameat(folder.get(), unfinished.c_str(), folder.get(), path.back().c_str()) != 0) {
      if (errno == EISDIR || errno == ENOTEMPTY) {
        refuse(MlflowCode::invalid, "artifact {}: a folder has this name; remove it, or use another",
               brief(path.back()));
      }
      fail_system("write", path.back());
    }
  } catch (...) {
    ::unlinkat(folder.get(), unfinished.c_str(), 0);
    throw;
  }
}

void ArtifactFolder::remove(const ArtifactPath& path) const {
  if (path.empty()) {  // all of them
    const Handle folder(::open(run_folder_.c_str(), kFolder));
    if (folder) remove_tree(folder.get(), "artifacts", 0);
    return;
  }
  const Handle folder = folder_at(run_folder_, path, path.size() - 1);
  struct stat status;
  if (!folder || ::fstatat(folder.get(), path.back().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) refuse_missing(path);
  remove_tree(folder.get(), path.back(), 0);
}

}  // namespace hadal::cluster
