// The pages of an archive, found by their words.
#include <map>

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "net/web_url.h"
#include "research/archive/warc_reader.h"
#include "research/fetch/answers.h"
#include "research/sources/kinds.h"
#include "research/warc.h"

namespace hadal::research {
namespace {

class Archive : public Source {
 public:
  Archive(const Path& warc, SourceContext context) : path_(warc), context_(context), index_(":memory:") {
    WarcReader reader(path_, kMaxRecordBytes);
    size_t left_out = 0;
    while (const auto record = reader.next()) {
      if (record->type != "response" && record->type != "resource") continue;
      try {
        take(*record, reader.place());
      } catch (const Error&) {  // a picture, a redirect, a broken PDF
        ++left_out;
      }
    }
    if (left_out > 0) log_info("{}: {} of its records are no text and are left out", path_.string(), left_out);
    if (places_.empty()) fail("{}: expected an archive with pages of text, found none", path_.string());
  }
  std::string name() const override { return "archive:" + path_.filename().string(); }
  bool is_private() const override { return private_; }
  bool is_outside() const override { return false; }

  std::vector<Candidate> search(const std::string& query, int64_t limit, const std::function<bool()>&) override {
    std::vector<Candidate> found;
    for (const DocumentHit& hit : index_.documents(query, {.k = limit})) {
      const IndexedDocument kept = index_.document(hit.number);
      Candidate candidate{hit.id, kept.document.title};
      if (!net::parse_url(hit.id)) candidate.document = take_over(kept);
      found.push_back(std::move(candidate));
    }
    return found;
  }

 private:
  void take(const WarcRecord& record, WarcPlace place) {
    if (!record.fault.empty()) fail("{}", record.fault);
    const auto url = net::parse_url(record.target_uri);
    if (url && url->path == "/robots.txt") return;
    Fetched read;
    read_answer(record, FetchLimits().max_bytes, read);
    if (!read.refused.empty()) fail("{}", read.refused);
    Document document = extract(raw_document(record));
    document.url = url ? url->href() : record.target_uri;
    index_.add(document, sha256(read.body));
    places_[document.url] = place;
    private_ |= !url;
  }

  // A file of the user's own: nothing can be fetched for it.
  int64_t take_over(const IndexedDocument& kept) {
    std::string snapshot;
    if (context_.archive != nullptr) {
      auto record = WarcReader(path_, kMaxRecordBytes, places_.at(kept.document.url)).next();
      if (!record) fail("{}: expected its records as they were; was the file changed?", path_.string());
      const std::string date = record->date;
      snapshot = append_text(*context_.archive, kept.document.url, date, context_.archive->append(std::move(*record)),
                             kept.document.text);
    }
    return context_.index.add(kept.document, kept.hash, snapshot);
  }

  Path path_;
  SourceContext context_;
  Index index_;
  std::map<std::string, WarcPlace> places_;
  bool private_ = false;
};

}  // namespace

std::unique_ptr<Source> archive_source(const Path& warc, SourceContext context) {
  return std::make_unique<Archive>(warc, context);
}

RawDocument raw_document(const WarcRecord& record) {
  if (record.type == "resource") return {record.target_uri, record.content_type, record.block};
  WarcResponse response = read_response(record, kMaxRecordBytes);
  std::string type = response.header("content-type");
  return {record.target_uri, std::move(type), std::move(response.body)};
}

}  // namespace hadal::research
