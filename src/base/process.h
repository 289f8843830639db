// Another program: started, watched, and never left behind.
//
// A process is the leader of a group of its own, so that signals reach what it starts too, and Ctrl-C in the terminal
// does not reach it. The object belongs to one thread. Its destructor kills what is left of the group, unless detach()
// was called before; until then the number of the process stays its own.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"

namespace hadal {

// How a process ended: by itself with a code, or by a signal.
struct ProcessEnd {
  int code = 0;
  int signal = 0;  // 0: it ended by itself
  bool ok() const { return code == 0 && signal == 0; }
  std::string text() const;  // "exit code 3", "signal 9 (Killed)"
};

// Where one of the three standard streams leads.
struct ProcessStream {
  enum class Kind { inherit, null, pipe, file } kind = Kind::inherit;
  Path path = {};        // file: read from, or appended to
  unsigned mode = 0644;  // of a file that is made
};

struct ProcessOptions {
  std::vector<std::string> command;  // the program, looked up in PATH where it has no slash, and its arguments
  Path folder = {};                  // to run in; empty: this process's own
  std::vector<std::pair<std::string, std::string>> environment = {};  // beside this process's own, or in its place
  ProcessStream input = {ProcessStream::Kind::null}, output = {}, error = {};
  bool own_session = false;  // the end of this terminal does not reach it
};

class Process {
 public:
  // Throws Error with the program and the system's reason where it cannot be started.
  explicit Process(const ProcessOptions& options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t id() const { return id_; }

  // None: it runs still. After the end, the same end again.
  std::optional<ProcessEnd> poll() { return wait_for(0); }
  std::optional<ProcessEnd> wait_for(int64_t timeout_ms);
  ProcessEnd wait();

  // To all of its group; nothing after the end of the process itself.
  void signal(int number);
  // SIGTERM, and SIGKILL for what is left of the group after the grace. Returns how the process ended.
  ProcessEnd stop(int64_t grace_ms);

  // It goes on alone. No other call may follow.
  void detach();

  // Pipes. write() throws Error when the process does not read any more (never SIGPIPE). read() waits for bytes, at
  // most `limit` of them, and gives "" at the end.
  void write(std::string_view text);
  void close_input();
  std::string read(size_t limit = 1 << 16);
  std::string read_error(size_t limit = 1 << 16);

  // For a process that may answer late or never: which of the pipes can be used without waiting. Waits at most
  // `timeout_ms` until output or error have bytes or end, or with `to_write` until the input takes some. A stream whose
  // end was read is not ready again.
  struct Ready {
    bool input = false, output = false, error = false;
  };
  Ready wait_ready(bool to_write, int64_t timeout_ms) const;
  // After wait_ready() found the input ready: writes the beginning of `text` without waiting, and returns its length.
  // Throws as write() does.
  size_t write_some(std::string_view text);

 private:
  size_t write_bytes(std::string_view text);
  std::string name_;
  pid_t id_ = -1;
  int watch_ = -1;  // pidfd
  int input_ = -1, output_ = -1, error_ = -1;
  bool output_ended_ = false, error_ended_ = false;
  std::optional<ProcessEnd> end_;
};

}  // namespace hadal
