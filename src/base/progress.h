// Progress of a long job in one line: rewritten in place on a terminal, else logged now and then. stderr only. One
// thread at a time.
#pragma once

#include <chrono>
#include <string>

namespace hadal {

class ProgressLine {
 public:
  explicit ProgressLine(double plain_interval_s = 30);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const std::string& line);
  void note(const std::string& line);  // prints a permanent line above the live one
  void clear();                        // erases the live line

 private:
  bool terminal_, shown_ = false;
  double plain_interval_s_;
  std::chrono::steady_clock::time_point last_;
};

std::string duration_text(double seconds);  // "42 s", "3 min 05 s", "2 h 10 min"

}  // namespace hadal
