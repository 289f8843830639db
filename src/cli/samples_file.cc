#include "cli/samples_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace hadal {

SamplesFile::SamplesFile(std::string path, std::string option) : path_(std::move(path)), option_(std::move(option)) {
  if (path_.empty()) return;
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("{} {}: cannot be written: {}; nothing was asked", option_, path_, std::strerror(errno));
}

SamplesFile::~SamplesFile() {
  if (fd_ >= 0) ::close(fd_);
}

void SamplesFile::begin() {
  if (fd_ >= 0 && ::ftruncate(fd_, 0) != 0 && errno != EINVAL) warn(errno);  // EINVAL: a pipe or a device
}

void SamplesFile::add(size_t index, std::string line) {
  const std::lock_guard lock(mutex_);
  if (fd_ < 0) return;
  waiting_.emplace(index, std::move(line));
  for (auto it = waiting_.begin(); it != waiting_.end() && it->first == next_; it = waiting_.erase(it), ++next_)
    write(it->second);
}

void SamplesFile::finish() {
  const std::lock_guard lock(mutex_);
  for (const auto& [index, line] : waiting_) write(line);
  waiting_.clear();
  if (fd_ >= 0 && ::close(std::exchange(fd_, -1)) != 0) warn(errno);
}

void SamplesFile::write(const std::string& line) {
  for (size_t done = 0; done < line.size() && !failed_;) {
    const ssize_t n = ::write(fd_, line.data() + done, line.size() - done);
    if (n >= 0)
      done += static_cast<size_t>(n);
    else if (errno != EINTR)
      warn(errno);
  }
}

void SamplesFile::warn(int code) {
  if (!std::exchange(failed_, true))
    log_warning("{} {}: cannot be written: {}; the evaluation continues without it", option_, path_,
                std::strerror(code));
}

}  // namespace hadal
