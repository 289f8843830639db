#include "research/run/library.h"

#include "base/digest.h"
#include "base/error.h"
#include "research/sources/source.h"

namespace hadal::research {
void Library::read_archive(const Path& archive) {
  std::map<std::string, RawDocument> raw;  // by record
  bool torn = false;
  read_warc(
      archive,
      [&](WarcRecord&& record) {
        if (record.type == "response" || record.type == "resource") {
          try {
            raw[record.id] = raw_document(record);
          } catch (const Error&) {  // what was refused
          }
        } else if (record.type == "conversion" && record.refers_to.empty()) {
          Document document;
          document.url = record.target_uri;
          document.text = std::move(record.block);
          past_.push_back({record.offset, record.id, "", std::move(document)});
        } else if (record.type == "conversion") {
          const auto found = raw.find(record.refers_to);
          if (found == raw.end()) fail("{}: {} was made of no record that is there", archive.string(), record.id);
          Document document = extract(found->second);
          document.url = record.target_uri;
          past_.push_back({record.offset, record.id, sha256(found->second.bytes), std::move(document)});
          raw.erase(found);
        }
        return true;
      },
      &torn);
}

void Library::restore(uint64_t offset, const std::map<std::string, Kept>& kept) {
  for (; restored_ < past_.size() && past_[restored_].offset < offset; ++restored_) {
    Past& past = past_[restored_];
    if (const auto found = kept.find(past.document.url); past.hash.empty() && found != kept.end()) {
      past.document.title = found->second.title;
      past.document.date = found->second.date;
      past.hash = found->second.hash;
    }
    index_.add(past.document, past.hash, past.snapshot);
  }
}

Library::Added Library::add_page(const Fetched& page, WarcWriter& archive) {
  Added added;
  try {
    Document document = extract({page.final_url, page.content_type, page.body});
    document.url = page.final_url;
    if (document.text.empty()) fail("there is no text in it");
    added.snapshot = append_text(archive, page.final_url, page.date, page.record, document.text);
    added.title = document.title;
    added.number = index_.add(document, sha256(page.body), added.snapshot);
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
