#include "base/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.h"

namespace hadal {

ProgressLine::ProgressLine(double plain_interval_s)
    : terminal_(isatty(STDERR_FILENO) != 0),
      plain_interval_s_(plain_interval_s),
      last_(std::chrono::steady_clock::now() - std::chrono::hours(1)) {}

void ProgressLine::show(const std::string& line) {
  const auto now = std::chrono::steady_clock::now();
  const double waited_s = std::chrono::duration<double>(now - last_).count();
  if (waited_s < (terminal_ ? 0.1 : plain_interval_s_)) return;
  last_ = now;
  if (!terminal_) return log_info("{}", line);
  winsize size{};
  const size_t width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 100u;
  std::fprintf(stderr, "\r\033[K%.*s", static_cast<int>(width), line.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::note(const std::string& line) {
  clear();
  log_info("{}", line);
}

void ProgressLine::clear() {
  if (!shown_) return;
  std::fprintf(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

std::string duration_text(double seconds) {
  const auto s = static_cast<long long>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
}

}  // namespace hadal
