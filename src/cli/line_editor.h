// Lines from a terminal, with arrow keys, history, any characters of UTF-8 whatever the locale says, and pasted blocks:
// what a terminal marks as pasted becomes part of one line, its line breaks kept. Over libedit. One at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/files.h"

namespace hadal {

class LineEditor {
 public:
  // `history` is read now; at the end the new lines are added to it, readable by its owner alone. Empty: none is kept.
  explicit LineEditor(const Path& history);
  ~LineEditor();

  // The next line, without its end. None: Ctrl-D on an empty line, or the terminal is gone. interrupt() gives an empty
  // line.
  std::optional<std::string> read(const std::string& prompt);

  // Ends a read() that waits. May be called by a signal handler, on any thread.
  static void interrupt();
  // The terminal's own mode again, as at the end of the editor; for a handler that ends the program.
  static void give_terminal_back();

 private:
  void save_history() const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
