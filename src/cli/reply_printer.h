// Shows a reply while the model writes it: its thoughts, then its answer. On a terminal with colours thoughts are
// dimmed, and a dimmed line behind them says how long they took; elsewhere they stand between <think> and </think>.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "chat/reply_parser.h"

namespace hadal {

class ReplyPrinter {
 public:
  using Write = std::function<void(std::string_view)>;

  // `write` is for what the model says, `style` for what the terminal is told: controls, which the model may not write.
  ReplyPrinter(bool colours, Write write, Write style)
      : colours_(colours), write_(std::move(write)), style_(std::move(style)) {}

  void print(const chat::ReplyDelta& delta);
  void finish(std::string_view end);      // what stands behind the last word; ends the line
  void remark(std::string_view of_ours);  // a line of its own, dimmed

  // Ends what is dimmed; for a handler of signals.
  static void give_colours_back();

 private:
  void begin_thoughts();
  void end_thoughts();
  void dim(bool on);

  const bool colours_;
  const Write write_, style_;
  Stopwatch time_;
  bool thinking_ = false;
};

bool standard_output_has_colours();  // a terminal, not a dumb one, and NO_COLOR (no-color.org) is not set

}  // namespace hadal
