// A verifier that is another program: it lives long, reads a line of JSON for each reply to be judged, and writes a
// line of JSON for each:
//
//   {"item": {...}, "reply": "<think>...</think>..."}   ->   {"reward": 0.5, "right": false, "why": "too short"}
//
// `reward` is a number of at most a million in size; `right` (else: the reward is at least 1) and `why` may be left
// out. The program runs in a sandbox (tasks/sandbox.h) and is not trusted: where it hangs, dies, or writes anything
// else, there is no verdict, and it is started anew.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/json_fwd.h"
#include "tasks/sandbox.h"
#include "tasks/task.h"

namespace hadal::tasks {

inline constexpr int kFailuresInARow = 8;  // so many are an Error

struct CommandSpec {
  SandboxSpec sandbox;
  double line_seconds = 10;   // for a verdict
  double start_seconds = 20;  // more for the first one after a start
};

struct CommandVerdict {
  double reward = 0;
  bool right = false;
  std::string why;
};

// Belongs to one thread, with which the program ends.
class CommandVerifier {
 public:
  // Tries the sandbox; Error where there is none or no such program.
  explicit CommandVerifier(CommandSpec spec);
  ~CommandVerifier();

  // None: the program failed; problem() says how. Error after kFailuresInARow of these.
  std::optional<CommandVerdict> judge(const OrderedJson& item, std::string_view reply);
  const std::string& problem() const { return problem_; }

 private:
  std::string exchange(const std::string& line);
  bool exchange_once(const std::string& line, std::string& answer);
  bool read_output(std::string_view unsent, std::string& answer);
  void keep_errors();
  void start();

  CommandSpec spec_;
  std::unique_ptr<Process> process_;  // null: to be started
  int64_t lines_ = 0;                 // given to this process
  int in_a_row_ = 0;                  // failures
  int told_ = 0;                      // failures that were logged
  std::string problem_, errors_;      // of the last failure; the end of what this process wrote to standard error
  bool died_ = false;                 // the last failure was an end without an answer
};

// Items that a program alone can judge: an object with a `question`; the rest is the program's. It stands in no list of
// tasks, and cannot judge, make up or explain an item.
const Task& command_task();

}  // namespace hadal::tasks
