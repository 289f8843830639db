// WARC/1.1 files, one gzip member a record (ISO 28500): what a run has read, so that anyone can check it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"

namespace hadal::research {

struct WarcRecord {
  std::string type;          // "warcinfo", "response", "conversion", "resource", "metadata", "request", "revisit"
  std::string id;            // "<urn:uuid:...>"; the writer makes it where it is empty
  std::string target_uri;    // "" where it has none
  std::string date;          // "2026-11-28T10:00:00Z"
  std::string content_type;  // of the block: "application/http;msgtype=response", "text/plain; charset=utf-8"
  std::string refers_to;     // id of the record that this one was made of
  std::vector<std::pair<std::string, std::string>> other;  // further fields, in their order
  std::string block;
  uint64_t offset = 0;  // of its gzip member in the file (reader)
};

// The HTTP message of a `response` record, taken apart: chunks joined and content encodings undone.
struct WarcResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string header(std::string_view name) const;  // any case; "" when absent
};
WarcResponse read_response(const WarcRecord& record, uint64_t max_bytes);  // Error where it is none

class WarcWriter {
 public:
  // Makes the file, or goes on with it: a torn last record is cut off. Error by lock where another process writes it.
  explicit WarcWriter(Path path);
  ~WarcWriter();
  // Writes the record with its digests and length, forced to disk. Its id comes from its content and place (the hash of
  // type, address, date, block and number), so that a replay gives the same ids. Returns the id.
  std::string append(WarcRecord record);
  uint64_t bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Calls `use` for each record in order; false ends it. Any WARC/1.0 or 1.1, compressed by record, as a whole, or not at
// all; digests are checked. Error with the offset where it is broken; `torn` gets true in place of an Error where only
// the last record is cut off.
void read_warc(const Path& path, const std::function<bool(WarcRecord&&)>& use, bool* torn = nullptr,
               uint64_t max_record_bytes = uint64_t{64} << 20);

}  // namespace hadal::research
