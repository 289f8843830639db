#include "cluster/supervisor/log_keeper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/error.h"
#include "cluster/supervisor/secrets.h"

namespace hadal::cluster {
namespace {

constexpr double kTailSeconds = 5;
constexpr size_t kLineBytes = 64 << 10;                     // a line that is longer is cut
constexpr size_t kSecretBytes = 6;                          // a shorter value is a word that says nothing
constexpr char kPlain = '.', kBegins = '(', kGoesOn = '-';  // marks of the masker
constexpr std::string_view kLeftOut = "[left out here: ";

// How many of the bytes were written.
size_t append(int fd, std::string_view text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(fd, text.data() + done, text.size() - done);
    if (count > 0)
      done += static_cast<size_t>(count);
    else if (count == 0 || errno != EINTR)
      break;
  }
  return done;
}

}  // namespace

LogKeeper::LogKeeper(const Path& run_folder, size_t bytes)
    : tail_file_(run_folder / "log.tail"), bytes_(std::max<size_t>(bytes, 1024)) {
  head_ =
      ::open((run_folder / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
  struct stat status {};
  if (head_ >= 0 && ::fstat(head_, &status) == 0)
    head_left_ = bytes_ - std::min(bytes_, static_cast<size_t>(status.st_size));
  std::error_code error;
  if (std::filesystem::is_regular_file(std::filesystem::symlink_status(tail_file_, error))) load_tail();
}

LogKeeper::~LogKeeper() {
  if (head_ >= 0) ::close(head_);
}

void LogKeeper::load_tail() {
  head_left_ = 0;  // the order of lines: nothing goes to the head any more
  std::error_code error;
  if (std::filesystem::file_size(tail_file_, error) > 2 * bytes_) return;  // not one of ours
  std::string text = read_file(tail_file_);
  if (text.starts_with(kLeftOut)) {
    const char* number = text.data() + kLeftOut.size();
    std::from_chars(number, text.data() + text.size(), left_out_);
    text.erase(0, std::min(text.find('\n'), text.size() - 1) + 1);
  }
  add_to_tail(text);
  unwritten_ = false;
}

void LogKeeper::add(std::string_view text) {
  const std::string_view for_head = text.substr(0, head_left_);
  const size_t written = append(head_, for_head);
  head_left_ -= written;
  if (written < for_head.size()) head_left_ = 0;
  if (head_left_ == 0 && head_ >= 0) ::close(std::exchange(head_, -1));
  if (written < text.size()) add_to_tail(text.substr(written));
}

void LogKeeper::add_to_tail(std::string_view text) {
  unwritten_ = true;
  if (text.size() > bytes_) {
    left_out_ += text.size() - bytes_;
    text.remove_prefix(text.size() - bytes_);
  }
  const size_t grows = std::min(text.size(), bytes_ - ring_.size());  // begin_ is 0 as long as it grows
  ring_.append(text.substr(0, grows));
  text.remove_prefix(grows);
  left_out_ += text.size();
  while (!text.empty()) {
    const size_t count = std::min(text.size(), bytes_ - begin_);
    std::copy_n(text.begin(), count, ring_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = (begin_ + count) % bytes_;
    text.remove_prefix(count);
  }
}

std::string LogKeeper::tail_text() const {
  std::string text = ring_.substr(begin_) + ring_.substr(0, begin_);
  if (left_out_ == 0) return text;
  // From the beginning of a line, where there is one near.
  const size_t line = std::string_view(text).substr(0, kLineBytes).find('\n') + 1;
  text.erase(0, line);
  return fmt::format("{}{} bytes]\n", kLeftOut, left_out_ + line) + text;
}

void LogKeeper::tick() {
  if (unwritten_ && since_written_.seconds() > kTailSeconds) finish();
}

bool LogKeeper::finish() {
  if (!unwritten_) return true;
  since_written_.restart();
  Path temporary = tail_file_;
  temporary += ".tmp";
  ::unlink(temporary.c_str());  // a pipe that the program put there would wait for its reader
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  const std::string text = tail_text();
  const bool whole = append(fd, text) == text.size();
  ::close(fd);
  unwritten_ = !whole || ::rename(temporary.c_str(), tail_file_.c_str()) != 0;
  if (unwritten_) ::unlink(temporary.c_str());
  return !unwritten_;
}

// The prefix function of Knuth, Morris and Pratt: for each prefix, the longest of its ends that the secret begins with.
Masker::Secret::Secret(std::string value) : text(std::move(value)), longest_border(text.size() + 1) {
  for (size_t i = 1, border = 0; i < text.size(); ++i) {
    while (border > 0 && text[i] != text[border]) border = longest_border[border];
    longest_border[i + 1] = text[i] == text[border] ? ++border : 0;
  }
}

bool Masker::Secret::ends_at(char next) {
  while (matched > 0 && text[matched] != next) matched = longest_border[matched];
  if (text[matched] == next) ++matched;
  if (matched < text.size()) return false;
  matched = longest_border[matched];
  return true;
}

Masker::Masker(const std::vector<std::pair<std::string, std::string>>& environment) {
  for (const auto& [name, value] : environment)
    if (is_secret_variable(name) && value.size() >= kSecretBytes) secrets_.emplace_back(value);
}

// Secrets may overlap and lie inside each other: of each byte that is kept stands there whether a mask begins at it.
std::string Masker::pass(std::string_view text) {
  if (secrets_.empty()) return std::string(text);
  for (const char c : text) {
    kept_ += c;
    marks_ += kPlain;
    size_t found = 0;
    for (Secret& secret : secrets_)
      if (secret.ends_at(c)) found = std::max(found, secret.text.size());
    if (found == 0) continue;
    const size_t first = marks_.size() - found;
    if (marks_[first] == kPlain) marks_[first] = kBegins;
    std::fill(marks_.begin() + static_cast<std::ptrdiff_t>(first) + 1, marks_.end(), kGoesOn);
  }
  size_t begun = 0;
  for (const Secret& secret : secrets_) begun = std::max(begun, secret.matched);
  return take(kept_.size() - begun);
}

std::string Masker::rest() {
  for (Secret& secret : secrets_) secret.matched = 0;
  return take(kept_.size());
}

std::string Masker::take(size_t count) {
  std::string shown;
  for (size_t i = 0; i < count; ++i) {
    if (marks_[i] == kPlain) shown += kept_[i];
    if (marks_[i] == kBegins) shown += kHiddenValue;
  }
  kept_.erase(0, count);
  marks_.erase(0, count);
  return shown;
}

}  // namespace hadal::cluster
