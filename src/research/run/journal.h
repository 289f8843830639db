// What a run has done, a line of JSON a step, forced to disk: a killed run is done again from here, and what stands in
// the journal is read instead of asked for. Each line carries a sum over all lines up to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace hadal::research {

struct JournalLine {
  int64_t number = 0;    // from 1
  std::string kind;      // "begin", "search", ...
  std::string text;      // for people
  OrderedJson data;      // what the step gave
  uint64_t archive = 0;  // bytes of the archive when the step was done
  double seconds = 0;    // since the run began
};

// Lines of a file: a last line that is torn is left out. Error naming the line that is no line of a journal or that was
// changed.
std::vector<JournalLine> read_journal(const Path& file);

// The writer. One process a journal: Error where another has it.
class Journal {
 public:
  explicit Journal(const Path& file);  // made where it is missing; its torn last line is cut off
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  const std::vector<JournalLine>& lines() const { return lines_; }
  const JournalLine& append(const std::string& kind, const std::string& text, OrderedJson data, uint64_t archive,
                            double seconds);

 private:
  Path file_;
  int fd_ = -1;
  std::string sum_;
  std::vector<JournalLine> lines_;
};

bool journal_is_held(const Path& file);  // by a process that lives

}  // namespace hadal::research
