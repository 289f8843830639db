// What a run writes, kept small: `log` is its beginning, `log.tail` the end of what went beyond, written anew every few
// seconds, with a first line that says how much lies between. A later attempt goes on where the last one stopped.
//
// A disk that is full stops nothing: what cannot be appended to `log` goes to the tail, which is tried again.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/files.h"

namespace hadal::cluster {

class LogKeeper {
 public:
  // `bytes`: of each of the two files.
  LogKeeper(const Path& run_folder, size_t bytes);
  ~LogKeeper();
  LogKeeper(const LogKeeper&) = delete;
  LogKeeper& operator=(const LogKeeper&) = delete;
  void add(std::string_view text);
  void tick();    // writes the tail where that is due
  bool finish();  // the same at once; false where it cannot be written. May be called again

 private:
  void add_to_tail(std::string_view text);
  std::string tail_text() const;
  void load_tail();
  Path tail_file_;
  int head_ = -1;  // -1: closed for good
  size_t bytes_, head_left_ = 0;
  std::string ring_;  // the last bytes_ bytes; once it is full, the oldest is at begin_
  size_t begin_ = 0;
  uint64_t left_out_ = 0;
  bool unwritten_ = false;
  Stopwatch since_written_;
};

// Replaces secrets in a stream of text by ***, the same however the text is cut into pieces. Secrets that overlap, or
// lie inside each other, are one ***.
class Masker {
 public:
  explicit Masker(const std::vector<std::pair<std::string, std::string>>& environment);
  // What can be passed on now; what may be the beginning of a secret is kept for the next call.
  std::string pass(std::string_view text);
  std::string rest();

 private:
  struct Secret {
    explicit Secret(std::string value);
    bool ends_at(char next);  // goes on by a byte; true where the secret ends with it
    std::string text;
    std::vector<size_t> longest_border;  // by the length of a prefix
    size_t matched = 0;                  // bytes of it, not all, that the text ends with
  };
  std::string take(size_t count);
  std::vector<Secret> secrets_;
  std::string kept_, marks_;  // one mark a byte
};

}  // namespace hadal::cluster
