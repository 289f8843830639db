#include "cli/training_process.h"

#include <malloc.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/options.h"

namespace hadal {
namespace {

std::atomic<bool> stopped = false;
bool at_terminal = false;

// A step or a validation may take a while before the run stops.
void stop(int signal) {
  constexpr char kNote[] = "\nstopping: what is underway ends first, and is saved; Ctrl-C again ends at once\n";
  stopped = true;
  const int before = errno;
  if (signal == SIGINT && at_terminal && ::write(STDERR_FILENO, kNote, sizeof kNote - 1) < 0) errno = before;
}

}  // namespace

const std::atomic<bool>& stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = stop;
  at_terminal = ::isatty(STDERR_FILENO) != 0;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction before {};
  sigaction(SIGHUP, nullptr, &before);
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);  // may come twice, to the group and through mpirun
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);  // nohup
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is an error of the write, as a full disk is
  return stopped;
}

void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

ClusterOrders read_cluster_orders() {
  ClusterOrders orders;
  const auto text_of = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const auto number_of = [&](const char* name) {
    const std::string text = text_of(name);
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (!text.empty() && (error != std::errc() || end != text.data() + text.size() || value < 0))
      fail("{}: expected a whole number, found {}", name, brief(text));
    return value;
  };
  orders.resume = number_of("HADAL_RESUME") == 1;
  orders.budget = number_of("HADAL_BUDGET");
  if (text_of("HADAL_ATTEMPT").empty()) return orders;
  const int64_t attempt = number_of("HADAL_ATTEMPT");
  const Path file = Path(text_of("HADAL_RUN_DIR")) / "attempt";
  orders.may_publish = [attempt, file] {
    std::string found = read_file(file, 64);
    while (!found.empty() && std::isspace(static_cast<unsigned char>(found.back()))) found.pop_back();
    if (found == std::to_string(attempt)) return;
    fail(
        "{}: expected attempt {}, which this process is, found {}: another one has taken the run over; nothing more is "
        "written here",
        file.string(), attempt, brief(found));
  };
  return orders;
}

void print_figures(const RecipeFigures& figures, bool json) {
  if (json) {
    print_json(OrderedJson{
        {"tokens", figures.tokens}, {"held_out", figures.held_out}, {"memory_bytes", figures.memory_bytes}});
    return;
  }
  print_text(fmt::format("trains on    {}\nheld out     {}\nmemory       {:.2f} GB\n",
                         figures.tokens > 0 ? fmt::format("{} tokens at most", figures.tokens)
                                            : "as many tokens as come in the minutes that it has",
                         figures.held_out.empty() ? "nothing" : figures.held_out,
                         static_cast<double>(figures.memory_bytes) / 1e9));
}

void say(const std::string& line) { std::fwrite(line.data(), 1, line.size(), stderr); }

bool print_report(const OrderedJson& report) {
  try {
    print_json(report);
    return true;
  } catch (const Error& error) {
    log_error("{}", error.what());
    return false;
  }
}

}  // namespace hadal
