// The text of data files, as a stream of bytes: plain, .gz, .zst, or the entries of a .zip. What ends early, is damaged
// or holds NUL bytes is an Error that says so.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/files.h"

namespace hadal::market {

class TextSource {
 public:
  virtual ~TextSource() = default;
  virtual size_t read(char* to, size_t num_bytes) = 0;  // 0 at the end
  const std::string& who() const { return who_; }       // the file; of a .zip with its entry
  // The name without the folder and without .gz, .zst, .zip: "spy.csv".
  const std::string& name() const { return name_; }

 protected:
  TextSource(std::string who, std::string name) : who_(std::move(who)), name_(std::move(name)) {}
  std::string who_, name_;
};

// Calls use(text) for the file, or for each entry of a .zip whose name ends in .csv or .txt.
void for_each_text(const Path& path, const std::function<void(TextSource&)>& use);

// Cuts a source into lines, without their ends. Lines are at most kMaxLineBytes long.
class LineReader {
 public:
  static constexpr size_t kMaxLineBytes = size_t{1} << 16;
  explicit LineReader(TextSource& source);
  bool next(std::string_view& line);          // false at the end; `line` stands until the next call
  int64_t number() const { return number_; }  // of the line that next() gave, from 1
  std::string where() const;                  // "prices.csv:12"
  // Puts the line back that next() gave: it comes again.
  void again() { begin_ = line_begin_, --number_; }

 private:
  bool fill();
  TextSource& source_;
  std::unique_ptr<char[]> buffer_;  // not cleared: small files touch little of it
  size_t begin_ = 0, end_ = 0, line_begin_ = 0;
  int64_t number_ = 0;
  bool at_end_ = false;
};

}  // namespace hadal::market
