// Stops that a signal asks for.
#pragma once

#include <atomic>

#include "base/error.h"

namespace hadal::market {

// Thrown where `stop` was set; a training keeps the windows that are done, a backtest nothing.
class Stopped : public Error {
 public:
  using Error::Error;
};

inline void check_stop(const std::atomic<bool>* stop) {
  if (stop != nullptr && *stop) throw Stopped("stopped before the backtest was done; no result was written");
}

}  // namespace hadal::market
