// The journal of a state: every event that was accepted, in order, each a line "CRC NUMBER TEXT", the first one saying
// whose state it is. It only grows. What append() returned from is on the disk; what a process was writing when it was
// killed is a torn last line, which is cut off. The folder's lock is held by whoever opens it.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/files.h"

namespace hadal::market::paper {

class Journal {
 public:
  // Made with `header` where it is not there. Error for a line that is damaged with others behind it.
  Journal(const Path& folder, const std::string& header);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  const Path& file() const { return file_; }
  const std::string& header() const { return header_; }  // as it stands there
  // The events in the order in which they were appended, before this process began.
  void replay(const std::function<void(std::string_view text, int64_t line)>& use) const;
  // Forced to the disk, all together. Error for a full disk; the file is then as it was before.
  void append(std::span<const std::string> events);

 private:
  void load();
  Path file_;
  std::string header_, events_;  // events_: what load() found, without what was torn
  int fd_ = -1;
  size_t size_ = 0;       // of the file
  size_t num_lines_ = 0;  // with the header
};

}  // namespace hadal::market::paper
