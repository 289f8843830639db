#include "research/run/library.h"

#include "base/digest.h"
#include "base/error.h"

namespace hadal::research {
namespace {

constexpr uint64_t kMaxBody = 64 << 20;

}  // namespace

RawDocument raw_document(const WarcRecord& record) {
  if (record.type != "response") return {record.target_uri, record.content_type, record.block};
  WarcResponse response = read_response(record, kMaxBody);
  return {record.target_uri, response.header("content-type"), std::move(response.body)};
}

void Library::read_archive(const Path& archive) {
  std::map<std::string, RawDocument> raw;  // by record
  bool torn = false;
  read_warc(
      archive,
      [&](WarcRecord&& record) {
        if (record.type == "response" || record.type == "resource") {
          raw[record.id] = raw_document(record);
        } else if (record.type == "conversion") {
          const auto found = raw.find(record.refers_to);
          if (found == raw.end()) fail("{}: {} was made of no record that is there", archive.string(), record.id);
          past_.push_back({record.offset, record.id, sha256(found->second.bytes), extract(found->second)});
          raw.erase(found);
        }
        return true;
      },
      &torn);
}

void Library::restore(uint64_t offset) {
  for (; restored_ < past_.size() && past_[restored_].offset < offset; ++restored_) {
    const Past& past = past_[restored_];
    index_.add(past.document, past.hash, past.snapshot);
  }
}

Library::Added Library::add_page(const Fetched& page, WarcWriter& archive) {
  Added added;
  try {
    const Document document = extract({page.final_url, page.content_type, page.body});
    if (document.text.empty()) fail("there is no text in it");
    added.snapshot = append_text(archive, page.final_url, page.date, page.record, document.text);
    added.title = document.title;
    added.number = index_.add(document, sha256(page.body), added.snapshot);
    set_public(added.number);
  } catch (const Error& e) {
    added.refused = e.what();
  }
  return added;
}

void Library::name_kind(const std::string& kind) {
  for (const auto& [url, title] : index_.list()) kinds_.emplace(url, kind);
}

std::string Library::kind(const std::string& url) const {
  const auto found = kinds_.find(url);
  return found == kinds_.end() ? "web" : found->second;
}

}  // namespace hadal::research
