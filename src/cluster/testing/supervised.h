// Attempts as tests make them: a run's folder, an order in it, a supervisor. The test program itself is the supervisor
// where it is called as `PROGRAM cluster supervise ORDER` (testing/supervisor_main.h), so that `hadal` need not be
// built.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <optional>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/testing/scratch.h"
#include "cluster/supervisor.h"

namespace hadal::cluster::test {

inline void wait_a_little() {
  const timespec pause{0, 5'000'000};
  ::nanosleep(&pause, nullptr);
}

// Waits for what will come, however slow the machine is; a test that waits for what never comes is stopped from
// outside.
template <typename F>
void wait_until(F&& condition) {
  while (!condition()) wait_a_little();
}

inline std::string text_of(const Path& file) { return std::filesystem::exists(file) ? read_file(file) : std::string(); }

inline Order shell_order(const Path& folder, const std::string& script, int attempt = 1) {
  Order order;
  order.name = fmt::format("hadal-test-r1-{}", attempt);
  order.run = 1;
  order.attempt = attempt;
  order.folder = folder;
  order.command = {"sh", "-c", script};
  order.grace_s = 3600;
  order.kill_after_s = 3600;
  return order;
}

// A supervisor as a child of this process; killed at the end where it is there still.
class Supervised {
 public:
  explicit Supervised(const Order& order, const Path& file = {})
      : order_(order), process_({.command = {"/proc/self/exe", "cluster", "supervise", write(order, file).string()}}) {}
  pid_t id() const { return process_.id(); }
  void signal(int number) { ::kill(process_.id(), number); }
  int wait() {
    const ProcessEnd end = process_.wait();
    return end.signal != 0 ? 128 + end.signal : end.code;
  }
  AttemptEnd end() {
    wait();
    const auto end = read_attempt_end(order_.folder, order_.attempt);
    EXPECT_TRUE(end) << "no exit.json";
    return end.value_or(AttemptEnd{});
  }

 private:
  static Path write(const Order& order, Path file) {
    if (file.empty()) file = order.folder / fmt::format("order.{}", order.attempt);
    write_order(file, order, ::geteuid(), ::getegid());
    return file;
  }
  Order order_;
  Process process_;
};

}  // namespace hadal::cluster::test
