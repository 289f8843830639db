// A line of the feed, read and judged by itself: whether it contradicts what came before is the book's matter.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "market/backtest.h"
#include "market/paper/instruments.h"

namespace hadal::market::paper {

struct Event {
  enum class Kind { bar, action, session_end };
  Kind kind = Kind::bar;
  Date date = 0;          // of the session; of an action: its first day
  Time time = 0;          // of a bar: its end; of a session_end within a day: up to which steps end
  bool whole_day = true;  // of a session_end: a day, not a time
  FeedBar bar;            // its instrument is that of every kind
  double vwap = kMissing;
  Action action;
  std::string text;  // the line as the journal keeps it: what was understood, no more
};

class UnknownSymbol : public Error {
 public:
  using Error::Error;
};

// Error that says what is wrong with the line; UnknownSymbol for one that is not traded. `who` begins the message.
Event read_event(std::string_view line, const Instruments& instruments, const std::string& who);

}  // namespace hadal::market::paper
