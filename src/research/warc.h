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

inline constexpr uint64_t kMaxRecordBytes = uint64_t{64} << 20;  // larger ones are refused

struct WarcRecord {
  std::string type;          // "warcinfo", "response", "conversion", "resource", "metadata", "request", "revisit"
  std::string id;            // "<urn:uuid:...>"; the writer makes it where it is empty
  std::string target_uri;    // "" where it has none
  std::string date;          // "2026-11-28T10:00:00Z"
  std::string content_type;  // of the block: "application/http;msgtype=response", "text/plain; charset=utf-8"
  std::string refers_to;     // id of the record that this one was made of
  std::vector<std::pair<std::string, std::string>> other;  // further fields, in their order
  std::string block;
  std::string fault;    // "": its digests hold, as far as it has any (reader)
  uint64_t offset = 0;  // of its gzip member in the file (reader)
};

// The HTTP message of a `response` record, taken apart: chunks joined and content encodings undone.
struct WarcResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string header(std::string_view name) const;  // any case; "" when absent
};
// An encoding that the body has not, though its head names it, is passed over, as archives often keep bodies decoded.
WarcResponse read_response(const WarcRecord& record, uint64_t max_bytes);  // Error where it is none

class WarcWriter {
 public:
  // Makes the file, or goes on with it: a torn last record is cut off. Error by lock where another process writes it.
  explicit WarcWriter(Path path);
  ~WarcWriter();
  // Writes the record with its digests and length, forced to disk. Where it has no id, it gets one from its content
  // (the hash of type, address, date and block), so that a replay gives the same ids. A record whose id the file holds
  // already is not written again: what a killed run did is done. Returns the id. Any thread may call it.
  std::string append(WarcRecord record);
  uint64_t bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A `conversion` record: the text that was read in the record `refers_to` ("": its bytes are not kept). Its id is what
// a source calls its snapshot.
std::string append_text(WarcWriter& archive, const std::string& url, const std::string& date,
                        const std::string& refers_to, std::string text);
std::string warc_date(double unix_seconds);  // "2026-11-28T10:00:00Z"

// Calls `use` for each record in order; false ends it. Any WARC/1.0 or 1.1, compressed by record, as a whole, or not at
// all; digests (SHA-1, SHA-256) are checked. Error with the offset where it is broken; `torn` gets true in place of an
// Error where only the last record is cut off.
void read_warc(const Path& path, const std::function<bool(WarcRecord&&)>& use, bool* torn = nullptr,
               uint64_t max_record_bytes = kMaxRecordBytes);

}  // namespace hadal::research
