#include "cluster/supervisor/attempt_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace hadal::cluster {
namespace {

constexpr size_t kEndBytes = 4096;  // of exit.json, at most

[[noreturn]] void fail_attempt(const Path& path, const char* what) {
  fail("{}: cannot {}: {}", path.string(), what, std::strerror(errno));
}

int number_in(std::string_view text) {  // 0 where it is none
  int number = 0;
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

// What stands in `attempt`; a program may have put something else in its place, a pipe for one.
int noted_attempt(const Path& run_folder) {
  const int fd = ::open((run_folder / "attempt").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return 0;
  char text[64];
  const ssize_t size = ::read(fd, text, sizeof text);
  ::close(fd);
  return size > 0 ? number_in({text, static_cast<size_t>(size)}) : 0;
}

// The greatest number that stands in `attempt` or was taken.
int newest_attempt(const Path& run_folder) {
  int newest = noted_attempt(run_folder);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run_folder / "attempts")) {
    const int number = number_in(entry.path().filename().string());
    if (number > newest && std::filesystem::exists(entry.path() / "taken", error)) newest = number;
  }
  return newest;
}

// Unlike write_file_whole() no two processes share the temporary file.
void write_newest(const Path& run_folder, int number) {
  const Path file = run_folder / "attempt", temporary = run_folder / fmt::format("attempt.{}.tmp", ::getpid());
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) fail_attempt(temporary, "create");
  const std::string text = fmt::format("{}\n", number);
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  ::close(fd);
  if (!written || ::rename(temporary.c_str(), file.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    errno = reason;
    fail_attempt(file, "write");
  }
}

// A file below a folder, no part of which is followed where it is a link. -1: see errno.
int open_below(const Path& folder, const Path& below, int flags) {
  int at = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (auto part = below.begin(); at >= 0 && part != below.end(); ++part) {
    const bool last = std::next(part) == below.end();
    const int next =
        ::openat(at, part->c_str(), O_CLOEXEC | O_NOFOLLOW | (last ? flags | O_NONBLOCK : O_PATH | O_DIRECTORY));
    const int reason = errno;
    ::close(at);
    errno = reason;
    at = next;
  }
  return at;
}

// Makes way for a file of ours: a program may have cleared its folder, taken permissions away, or put a folder in the
// file's place. A run's folder that is gone stays so.
void make_way(const Path& run_folder, int attempt, const Path& file) {
  for (const Path& folder : {run_folder, run_folder / "attempts", attempt_folder(run_folder, attempt)}) {
    struct stat there {};
    if (folder != run_folder) ::mkdir(folder.c_str(), 0755);
    if (::lstat(folder.c_str(), &there) == 0 && S_ISDIR(there.st_mode) && (there.st_mode & 0700) != 0700)
      ::chmod(folder.c_str(), (there.st_mode & 0777) | 0700);
  }
  struct stat there {};
  if (::lstat(file.c_str(), &there) != 0 || !S_ISDIR(there.st_mode)) return;
  Path aside = file;
  aside += fmt::format(".{}", ::getpid());
  ::rename(file.c_str(), aside.c_str());
}

double sane(const Json& json, const char* key) {
  const double value = json.at(key).get<double>();
  return std::isfinite(value) ? std::max(0.0, value) : 0;
}

std::string end_text(const AttemptEnd& end) {
  std::string why = end.why;
  for (;; why.resize(why.size() / 2)) {  // it names a program, whose path may be long
    const std::string text = dump_json(OrderedJson{{"attempt", end.attempt},
                                                   {"code", end.code ? OrderedJson(*end.code) : OrderedJson(nullptr)},
                                                   {"why", why},
                                                   {"suspended", end.suspended},
                                                   {"stopped", end.stopped},
                                                   {"started", end.started},
                                                   {"ended", end.ended},
                                                   {"seconds", end.seconds},
                                                   {"core_seconds", end.core_seconds}},
                                       1) +
                             "\n";
    if (text.size() <= kEndBytes) return text;
  }
}

}  // namespace

Path attempt_folder(const Path& run_folder, int attempt) { return run_folder / "attempts" / std::to_string(attempt); }

std::string take_attempt(const Path& run_folder, int attempt, int& lock) {
  const Path folder = attempt_folder(run_folder, attempt), taken = folder / "taken";
  make_way(run_folder, attempt, run_folder / "attempt");
  for (const Path& made : {run_folder / "attempts", folder})
    if (::mkdir(made.c_str(), 0755) != 0 && errno != EEXIST) fail_attempt(made, "make the folder");
  const auto newer = [&](int newest) { return fmt::format("attempt {} is newer than {}", newest, attempt); };
  if (const int newest = newest_attempt(run_folder); newest > attempt) return newer(newest);
  lock = ::open(taken.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (lock < 0 && errno == EEXIST) return fmt::format("attempt {} was taken before", attempt);
  if (lock < 0) fail_attempt(taken, "create");
  if (::flock(lock, LOCK_SH) != 0) log_warning("{}: cannot lock: {}", taken.string(), std::strerror(errno));
  // Others may take and write at the same time. Each of them looks again behind its own writing, so that the last to
  // write has seen all that were taken.
  for (int newest = newest_attempt(run_folder);;) {
    write_newest(run_folder, newest);
    const int now = newest_attempt(run_folder);
    if (now == newest) return newest > attempt ? newer(newest) : "";
    newest = now;
  }
}

bool attempt_held(const Path& run_folder, int attempt) {
  const int fd = open_below(run_folder, attempt_folder("", attempt) / "taken", O_RDONLY);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

EndFile::EndFile(const Path& run_folder, int attempt)
    : run_folder_(run_folder),
      attempt_(attempt),
      file_(attempt_folder(run_folder, attempt) / "exit.json"),
      temporary_(file_) {
  temporary_ += ".tmp";
  make_way(run_folder, attempt, temporary_);
  ::unlink(temporary_.c_str());
  bool hopeless = false;
  const std::string mistake = try_write(std::string(kEndBytes, ' '), hopeless);
  if (!mistake.empty()) log_warning("{}", mistake);
}

EndFile::~EndFile() {
  if (fd_ >= 0) ::close(fd_);
}

// Over what stands in the temporary file. "": done.
std::string EndFile::try_write(const std::string& text, bool& hopeless) {
  if (fd_ < 0) fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
  const bool written = fd_ >= 0 && ::pwrite(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
                       ::ftruncate(fd_, static_cast<off_t>(text.size())) == 0;
  if (written) return "";
  hopeless = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
  return fmt::format("{}: cannot write: {}", temporary_.string(), std::strerror(errno));
}

bool EndFile::write(const AttemptEnd& end) {
  for (bool again = false;; again = true) {
    bool hopeless = false;
    std::string mistake = try_write(end_text(end), hopeless);
    if (mistake.empty() && (::fsync(fd_) != 0 || ::rename(temporary_.c_str(), file_.c_str()) != 0)) {
      hopeless = errno == ENOENT || errno == ENOTDIR;
      mistake = fmt::format("{}: cannot write: {}", file_.string(), std::strerror(errno));
    }
    if (mistake.empty()) return true;
    if (!again) log_error("{}", mistake);
    if (again && hopeless) return false;
    if (again) ::sleep(1);
    make_way(run_folder_, attempt_, file_);
    if (hopeless && fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
}

std::optional<AttemptEnd> read_attempt_end(const Path& run_folder, int attempt) {
  const Path below = attempt_folder("", attempt) / "exit.json";
  AttemptEnd end{.attempt = attempt};
  const auto damaged = [&](const std::string& how) {
    end = {.attempt = attempt, .why = fmt::format("{} is damaged: {}", below.string(), how)};
    return end;
  };
  const int fd = open_below(run_folder, below, O_RDONLY);
  if (fd < 0 && errno == ENOENT) return {};
  if (fd < 0 && (errno == ELOOP || errno == ENOTDIR)) return damaged("a link, or in no folder");
  // A socket in its place, or permissions taken away: the run's own doing, and no matter of the others'.
  if (fd < 0 && (errno == ENXIO || errno == EACCES)) return damaged(std::strerror(errno));
  if (fd < 0) fail_attempt(run_folder / below, "read");
  if (attempt_held(run_folder, attempt)) {
    ::close(fd);
    return {};
  }
  struct stat status {};
  std::string text(kEndBytes + 1, '\0');
  ssize_t size = -1;
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) size = ::pread(fd, text.data(), text.size(), 0);
  ::close(fd);
  if (size < 0 || size > static_cast<ssize_t>(kEndBytes)) return damaged("expected a file of at most 4 KiB");
  text.resize(static_cast<size_t>(size));
  try {
    const Json json = parse_json(text, below.string());
    if (!json.at("code").is_null()) end.code = json.at("code").get<int>();
    end.why = json.at("why").get<std::string>();
    end.suspended = json.at("suspended").get<bool>();
    end.stopped = json.at("stopped").get<bool>();
    end.started = sane(json, "started");
    end.ended = sane(json, "ended");
    end.seconds = sane(json, "seconds");
    end.core_seconds = sane(json, "core_seconds");
    return end;
  } catch (const nlohmann::json::exception& error) {
    return damaged(plain_words(error));
  } catch (const Error& error) {
    return damaged(error.what());
  }
}

}  // namespace hadal::cluster
