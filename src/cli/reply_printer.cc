#include "cli/reply_printer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace hadal {
namespace {

constexpr std::string_view kDim = "\x1b[2m", kPlain = "\x1b[0m";
std::atomic<bool> dimmed = false;

}  // namespace

void ReplyPrinter::print(const chat::ReplyDelta& delta) {
  const bool thought = delta.kind == chat::ReplyDelta::Kind::reasoning;
  if (thought && !thinking_) begin_thoughts();
  if (!thought && thinking_) {
    end_thoughts();
    write_("\n");
  }
  write_(delta.text);
}

// An answer that was cut in its thoughts has no </think>: nothing ended them.
void ReplyPrinter::finish(std::string_view end) {
  write_(end);
  if (thinking_ && colours_)
    end_thoughts();
  else
    write_("\n");
  thinking_ = false;
}

void ReplyPrinter::remark(std::string_view of_ours) {
  if (colours_) dim(true);
  write_(of_ours);
  if (colours_) dim(false);
  write_("\n");
}

void ReplyPrinter::begin_thoughts() {
  thinking_ = true;
  if (colours_)
    dim(true);
  else
    write_("<think>\n");
}

void ReplyPrinter::end_thoughts() {
  thinking_ = false;
  const double seconds = time_.seconds();
  if (!colours_) return write_("\n</think>\n");
  write_(fmt::format("\nthought for {:.{}f} s", seconds, seconds < 10 ? 1 : 0));
  dim(false);
  write_("\n");
}

void ReplyPrinter::dim(bool on) {
  dimmed = on;
  style_(on ? kDim : kPlain);
}

void ReplyPrinter::give_colours_back() {
  if (dimmed.exchange(false)) [[maybe_unused]]
    const ssize_t written = ::write(STDOUT_FILENO, kPlain.data(), kPlain.size());
}

bool standard_output_has_colours() {
  const char *term = std::getenv("TERM"), *none = std::getenv("NO_COLOR");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb" || *term == '\0';
  return ::isatty(STDOUT_FILENO) != 0 && !dumb && (none == nullptr || *none == '\0');
}

}  // namespace hadal
