// A WARC file, record by record.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "research/warc.h"

namespace hadal::research {

// Where a record begins: in the gzip member at `offset`, the `ordinal`-th in it.
struct WarcPlace {
  uint64_t offset = 0;
  int64_t ordinal = 0;
};

class WarcReader {
 public:
  WarcReader(const Path& path, uint64_t max_record_bytes, WarcPlace place = {});
  ~WarcReader();
  // None at the end, and where the last record is cut off (torn()).
  std::optional<WarcRecord> next();
  WarcPlace place() const;  // of the record that next() gave
  bool torn() const;
  uint64_t end() const;    // of the file's part that holds whole records
  bool by_record() const;  // so far each record was one gzip member

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal::research
