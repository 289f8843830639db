#include "research/run/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/digest.h"
#include "base/error.h"

namespace hadal::research {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{256} << 20;
constexpr size_t kSumChars = 16;
constexpr std::string_view kSumField = ",\"sum\":\"";

std::string next_sum(const std::string& sum, std::string_view body) {
  return sha256(sum + std::string(body)).substr(0, kSumChars);
}

// `line` ends with ,"sum":"..."}
JournalLine read_line(std::string_view line, std::string& sum, const std::string& who, int64_t number) {
  const size_t tail = kSumField.size() + kSumChars + 2;
  if (line.size() < tail + 2 || line.substr(line.size() - tail, kSumField.size()) != kSumField)
    fail("{}: line {}: expected a line of a journal, found {}", who, number, brief(line));
  const std::string_view body = line.substr(0, line.size() - tail);
  const std::string expected = next_sum(sum, body);
  if (line.substr(line.size() - kSumChars - 2) != expected + "\"}")
    fail("{}: line {}: expected the sum {}; it or a line before it was changed", who, number, expected);
  JournalLine out;
  try {
    OrderedJson json = parse_ordered_json(line, who);
    out.number = json.at("n").get<int64_t>();
    out.kind = json.at("kind").get<std::string>();
    out.text = json.at("text").get<std::string>();
    out.archive = json.at("archive").get<uint64_t>();
    out.seconds = json.at("seconds").get<double>();
    out.data = std::move(json.at("data"));
  } catch (const OrderedJson::exception& e) {
    fail("{}: line {}: expected a line of a journal ({})", who, number, plain_words(e));
  }
  if (out.number != number) fail("{}: line {}: expected its number, found {}", who, number, out.number);
  sum = expected;
  return out;
}

std::vector<JournalLine> read_lines(std::string_view text, const std::string& who, std::string& sum, size_t& good) {
  std::vector<JournalLine> lines;
  good = 0;
  for (size_t end; (end = text.find('\n', good)) != std::string_view::npos; good = end + 1)
    lines.push_back(read_line(text.substr(good, end - good), sum, who, static_cast<int64_t>(lines.size()) + 1));
  return lines;
}

}  // namespace

std::vector<JournalLine> read_journal(const Path& file) {
  std::string sum;
  size_t good = 0;
  return read_lines(read_file(file, kMaxBytes), file.string(), sum, good);
}

Journal::Journal(const Path& file) : file_(file) {
  fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0644);
  if (fd_ < 0) fail("{}: {}", file.string(), std::strerror(errno));
  try {
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK)
        fail("{}: another process works in this folder; wait for it, or stop it", file.parent_path().string());
      fail("{}: cannot be locked: {}; choose a folder on another file system", file.string(), std::strerror(errno));
    }
    const std::string text = read_file(file, kMaxBytes);
    size_t good = 0;
    lines_ = read_lines(text, file.string(), sum_, good);
    if (good < text.size() && ::ftruncate(fd_, static_cast<off_t>(good)) != 0)
      fail("{}: {}", file.string(), std::strerror(errno));
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

Journal::~Journal() { ::close(fd_); }

const JournalLine& Journal::append(const std::string& kind, const std::string& text, OrderedJson data, uint64_t archive,
                                   double seconds) {
  JournalLine line{static_cast<int64_t>(lines_.size()) + 1, kind, text, std::move(data), archive, seconds};
  std::string body = dump_json(OrderedJson{{"n", line.number},
                                           {"kind", line.kind},
                                           {"text", line.text},
                                           {"data", line.data},
                                           {"archive", line.archive},
                                           {"seconds", line.seconds}});
  body.pop_back();
  const std::string sum = next_sum(sum_, body);
  const std::string whole = body + std::string(kSumField) + sum + "\"}";
  // What a later reader gets is what this run goes on with, invalid UTF-8 mended.
  line.data = parse_ordered_json(whole, file_.string()).at("data");
  const std::string bytes = whole + "\n";
  for (std::string_view rest = bytes; !rest.empty();) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("{}: {}", file_.string(), std::strerror(errno));
    rest.remove_prefix(static_cast<size_t>(n));
  }
  if (::fdatasync(fd_) != 0 && errno != EINVAL) fail("{}: {}", file_.string(), std::strerror(errno));
  sum_ = sum;
  lines_.push_back(std::move(line));
  return lines_.back();
}

bool journal_is_held(const Path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

}  // namespace hadal::research
