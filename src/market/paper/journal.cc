#include "market/paper/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/hash.h"

namespace hadal::market::paper {
namespace {

constexpr size_t kCrcDigits = 8;

// A line: checksum of what follows, its number from 0 on, the text.
std::string sealed(size_t number, std::string_view text) {
  const std::string body = fmt::format("{} {}", number, text);
  return fmt::format("{:08x} {}\n", crc32c(body.data(), body.size()), body);
}

struct Line {
  size_t number = 0;
  std::string_view text;
};

// Of a whole line without its line end; nothing for a damaged one.
std::optional<Line> unsealed(std::string_view line) {
  if (line.size() <= kCrcDigits || line[kCrcDigits] != ' ') return {};
  const std::string_view body = line.substr(kCrcDigits + 1);
  if (fmt::format("{:08x}", crc32c(body.data(), body.size())) != line.substr(0, kCrcDigits)) return {};
  Line found;
  const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), found.number);
  if (error != std::errc() || end == body.data() + body.size() || *end != ' ') return {};
  found.text = body.substr(static_cast<size_t>(end - body.data()) + 1);
  return found;
}

// Calls use(line) for each line from `at` on until one is damaged or torn; where that one begins.
size_t read_lines(std::string_view bytes, size_t at, const std::function<void(const Line&)>& use) {
  while (at < bytes.size()) {
    const size_t end = bytes.find('\n', at);
    if (end == std::string_view::npos) return at;
    const auto line = unsealed(bytes.substr(at, end - at));
    if (!line) return at;
    use(*line);
    at = end + 1;
  }
  return at;
}

}  // namespace

Journal::Journal(const Path& folder, const std::string& header) : file_(folder / "journal.txt") {
  if (!std::filesystem::exists(file_)) write_file_whole(file_, sealed(0, header));
  load();
  fd_ = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ < 0 || ::ftruncate(fd_, static_cast<off_t>(size_)) != 0)
    fail("{}: cannot be written: {}; make it writable and start again", file_.string(), std::strerror(errno));
}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

void Journal::load() {
  const std::string bytes = read_file(file_);
  size_ = read_lines(bytes, 0, [&](const Line& line) {
    if (line.number != num_lines_)
      fail(
          "{}: expected line {}, found line {}: some are missing, doubled or swapped; put a copy of the file back, or "
          "begin another --state",
          file_.string(), num_lines_, line.number);
    if (num_lines_ == 0)
      header_ = line.text;
    else
      events_.append(line.text).append("\n");
    ++num_lines_;
  });
  if (num_lines_ == 0)
    fail("{}: expected the journal of a paper account, found none; move the folder away to begin anew", file_.string());
  const size_t next = bytes.find('\n', size_);
  bool more = false;
  if (next != std::string::npos) {
    for (size_t at = next + 1; at < bytes.size() && !more; at = bytes.find('\n', at) + 1) {
      read_lines(bytes, at, [&](const Line&) { more = true; });
      if (bytes.find('\n', at) == std::string::npos) break;
    }
  }
  if (more)
    fail(
        "{}: expected whole lines, found a damaged one at byte {} with others behind it; put a copy of the file back, "
        "or cut it there (truncate -s {}) and send the feed again from then on",
        file_.string(), size_, size_);
}

void Journal::replay(const std::function<void(std::string_view, int64_t)>& use) const {
  int64_t line = 1;
  for (size_t at = 0; at < events_.size();) {
    const size_t end = events_.find('\n', at);
    use(std::string_view(events_).substr(at, end - at), ++line);
    at = end + 1;
  }
}

void Journal::append(std::span<const std::string> events) {
  std::string bytes;
  for (size_t i = 0; i < events.size(); ++i) bytes += sealed(num_lines_ + i, events[i]);
  if (bytes.empty()) return;
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t got = ::write(fd_, bytes.data() + written, bytes.size() - written);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    written += static_cast<size_t>(got);
  }
  if (written == bytes.size() && ::fdatasync(fd_) == 0) {
    size_ += bytes.size();
    num_lines_ += events.size();
    return;
  }
  const int reason = errno;
  if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) {  // a torn line is cut off at the next start anyway
  }
  fail("{}: cannot be written: {}; nothing of it has acted yet: free space and start again, and it continues",
       file_.string(), std::strerror(reason));
}

}  // namespace hadal::market::paper
