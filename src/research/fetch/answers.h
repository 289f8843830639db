// What the fetchers of the web and of an archive have in common: which answers are read, and how they are recorded.
#pragma once

#include <string>
#include <string_view>

#include "research/fetch.h"

namespace hadal::research {

inline constexpr const char* kNotInArchive = "not in the archive";

// Why an answer is not read ("status 404", "type image/png"); "" where it is.
std::string answer_refusal(int status, std::string_view content_type);

std::string over_size(uint64_t max_bytes);  // "over 10 MiB"

// Takes body and type out of a `response` or `resource` record, or says why they are not read.
void read_answer(const WarcRecord& record, uint64_t max_bytes, Fetched& fetched);

// A first record that says who wrote the archive; none where it has records already.
void write_warcinfo(WarcWriter& archive, const std::string& date);

// `metadata` records: that a page was refused, and what a search server said.
WarcRecord refusal_record(const Fetched& fetched, const std::string& date);
WarcRecord search_record(const std::string& key, const Fetched& fetched, const std::string& date);

struct ArchiveNote {
  std::string key, refused;  // one of them is ""
  Fetched answer;
};
// None of it for metadata that another program wrote.
ArchiveNote read_note(const WarcRecord& record);

std::string valid_utf8(const std::string& text);  // U+FFFD for what is not

}  // namespace hadal::research
