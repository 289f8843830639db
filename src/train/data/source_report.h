// What became of a source's documents while they were read: nothing is left out or cut in silence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

class SourceReport {
 public:
  void count_read() { ++read_; }
  // `reason` completes "3 left out (2 ...)"; reasons with the same text are counted together. `line`: of the file,
  // from 1.
  void leave_out(std::string_view reason, int64_t line) { count(left_out_, reason, line); }
  void cut(std::string_view reason, int64_t line) { count(cut_, reason, line); }
  void skip_malformed(std::string_view error, int64_t line);  // on_bad_line = "skip"

  int64_t read() const { return read_; }
  int64_t left_out() const;
  int64_t malformed() const { return malformed_; }
  // "9 documents read, 3 left out (1 malformed, the first at line 4: ...; 2 by the filters, the first at line 7), 2 cut
  // (...)"
  std::string text() const;

 private:
  struct Reason {
    std::string text;
    int64_t count = 0, first_line = 0;
  };
  static constexpr size_t kMaxReasons = 12;  // further ones are counted as one
  static void count(std::vector<Reason>& list, std::string_view reason, int64_t line);
  static std::string list_text(const std::vector<Reason>& list);

  int64_t read_ = 0, malformed_ = 0, first_malformed_ = 0;
  std::string first_error_;
  std::vector<Reason> left_out_, cut_;
};

// At most `max_bytes` of the text, cut between characters, with "..." where something is missing.
std::string shortened(std::string_view text, size_t max_bytes);

}  // namespace hadal
