#include "base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/paths.h"

namespace hadal {
namespace {

[[noreturn]] void fail_errno(const Path& path, const char* what) {
  const int code = errno;
  const char* hint = code == ENOSPC || code == EDQUOT ? "; free some space and try again" : "";
  fail("{}: cannot {}: {}{}", path.string(), what, std::strerror(code), hint);
}

class Fd {
 public:
  explicit Fd(const Path& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) fail_errno(path, "open");
    struct stat status;
    if (::fstat(fd_, &status) != 0) fail_errno(path, "stat");
    if (S_ISDIR(status.st_mode)) {
      ::close(fd_);
      fail("{}: expected a file, found a folder", path.string());
    }
    size_ = static_cast<uint64_t>(status.st_size);
  }
  ~Fd() { ::close(fd_); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  uint64_t size() const { return size_; }
  size_t read(const Path& path, void* data, size_t num_bytes) const {
    for (;;) {
      const ssize_t n = ::read(fd_, data, num_bytes);
      if (n >= 0) return static_cast<size_t>(n);
      if (errno != EINTR) fail_errno(path, "read");
    }
  }

 private:
  int fd_;
  uint64_t size_ = 0;
};

void sync_folder(const Path& folder) {
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;  // the data is written; only the rename may be delayed
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

std::string read_file(const Path& path, uint64_t max_bytes) {
  Fd file(path);
  if (file.size() > max_bytes) fail("{}: expected at most {} bytes, found {}", path.string(), max_bytes, file.size());
  std::string content;
  std::vector<char> buffer(1 << 16);
  content.reserve(file.size());
  while (const size_t n = file.read(path, buffer.data(), buffer.size())) {
    content.append(buffer.data(), n);
    if (content.size() > max_bytes) fail("{}: expected at most {} bytes, found more", path.string(), max_bytes);
  }
  return content;
}

void write_file_whole(const Path& path, std::string_view content) {
  WholeFile file(path);
  file.write(content);
  file.commit();
}

WholeFile::WholeFile(Path path) : path_(end_of_links(path)) {
  struct stat status;
  if (const auto descriptor = descriptor_of(path_)) {
    fd_ = ::fcntl(*descriptor, F_DUPFD_CLOEXEC, 0);
    if (fd_ < 0) fail_errno(path, "write to");
    return;
  }
  if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    if (S_ISDIR(status.st_mode)) fail("{}: expected a file to write, found a folder; name a file", path.string());
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) fail_errno(path, "open");
    return;
  }
  temporary_ = path_;
  temporary_ += ".tmp";
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail_errno(temporary_, "create");
}

WholeFile::~WholeFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void WholeFile::write(const void* data, size_t num_bytes) {
  const char* p = static_cast<const char*>(data);
  while (num_bytes > 0) {
    const ssize_t n = ::write(fd_, p, num_bytes);
    if (n < 0) {
      if (errno == EINTR) continue;
      fail_errno(temporary_.empty() ? path_ : temporary_, "write");
    }
    p += n;
    num_bytes -= static_cast<size_t>(n);
  }
}

void WholeFile::commit() {
  HADAL_CHECK(fd_ >= 0, "commit() twice");
  if (temporary_.empty()) {
    if (::close(std::exchange(fd_, -1)) != 0) fail_errno(path_, "close");
    return;
  }
  if (::fsync(fd_) != 0) fail_errno(temporary_, "flush");
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0) fail_errno(temporary_, "close");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_errno(path_, "rename to");
  sync_folder(path_.parent_path());
}

MappedFile::MappedFile(const Path& path) {
  Fd file(path);
  size_ = file.size();
  if (size_ == 0) return;
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) fail_errno(path, "map");
  data_ = static_cast<const std::byte*>(data);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

namespace {

// Cuts a stream of bytes into lines.
class LineCutter {
 public:
  LineCutter(const Path& path, const std::function<bool(std::string_view, int64_t)>& line, size_t max_line_bytes)
      : path_(path), line_(line), max_line_bytes_(max_line_bytes) {}

  bool feed(std::string_view text) {
    for (;;) {
      const size_t end = text.find('\n');
      if (end == std::string_view::npos) break;
      if (pending_.empty()) {
        if (!emit(text.substr(0, end))) return false;
      } else {
        pending_.append(text.substr(0, end));
        if (!emit(pending_)) return false;
        pending_.clear();
      }
      text.remove_prefix(end + 1);
    }
    pending_.append(text);
    if (pending_.size() > max_line_bytes_)
      fail("{}: line {}: expected at most {} bytes, found more", path_.string(), number_ + 1, max_line_bytes_);
    return true;
  }
  void finish() {
    if (!pending_.empty()) emit(pending_);
  }

 private:
  bool emit(std::string_view text) {
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    return line_(text, ++number_);
  }
  const Path& path_;
  const std::function<bool(std::string_view, int64_t)>& line_;
  size_t max_line_bytes_;
  std::string pending_;
  int64_t number_ = 0;
};

}  // namespace

void for_each_line(const Path& path, const std::function<bool(std::string_view, int64_t)>& line,
                   size_t max_line_bytes) {
  Fd file(path);
  LineCutter cutter(path, line, max_line_bytes);
  std::vector<char> in(1 << 17);
  if (path.extension() != ".zst") {
    while (const size_t n = file.read(path, in.data(), in.size()))
      if (!cutter.feed({in.data(), n})) return;
    cutter.finish();
    return;
  }
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  std::vector<char> out(1 << 17);
  size_t state = 0;
  while (const size_t n = file.read(path, in.data(), in.size())) {
    ZSTD_inBuffer input{in.data(), n, 0};
    bool full = false;  // the last output buffer was full: more may come without input
    while (input.pos < input.size || full) {
      ZSTD_outBuffer output{out.data(), out.size(), 0};
      state = ZSTD_decompressStream(context.get(), &output, &input);
      if (ZSTD_isError(state))
        fail("{}: expected zstd data, found invalid data: {}", path.string(), ZSTD_getErrorName(state));
      if (!cutter.feed({out.data(), output.pos})) return;
      full = output.pos == output.size;
    }
  }
  if (state != 0) fail("{}: the zstd data ends in the middle; the file is cut off", path.string());
  cutter.finish();
}

uint64_t free_disk_bytes(const Path& path) {
  Path at = std::filesystem::absolute(path);
  while (!std::filesystem::exists(at) && at.has_parent_path() && at != at.parent_path()) at = at.parent_path();
  return std::filesystem::space(at).available;
}

}  // namespace hadal
