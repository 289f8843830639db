// What is wrong with a feed, in words, but never a flood of them: the first ones one by one, then in sums.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/error.h"

namespace hadal::market::paper {

class Complaints {
 public:
  explicit Complaints(std::function<void(const std::string&)> tell) : tell_(std::move(tell)) {}
  void add(const std::string& what) {
    if (told_ < kToldAtFirst) {
      ++told_;
      return say(what);
    }
    ++silent_;
    newest_ = what;
  }
  // Says how many were not said, from time to time or `now`.
  void sum_up(bool now) {
    if (silent_ == 0 || (!now && since_.seconds() < kTell_s)) return;
    say(fmt::format("{} more of these, the newest: {}", silent_, newest_));
    silent_ = 0;
    since_.restart();
  }

 private:
  static constexpr double kTell_s = 10;
  static constexpr int64_t kToldAtFirst = 5;

  void say(const std::string& what) const {
    if (tell_) tell_(what);
  }
  std::function<void(const std::string&)> tell_;
  int64_t told_ = 0, silent_ = 0;
  std::string newest_;
  Stopwatch since_;
};

}  // namespace hadal::market::paper
