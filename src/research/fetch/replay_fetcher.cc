// The fetcher of an archive: what was fetched, refused and found, as it was.
#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "research/archive/warc_reader.h"
#include "research/fetch/answers.h"
#include "research/warc.h"

namespace hadal::research {
namespace {

using Stopped = std::function<bool()>;

// Without its fragment; an address that is none stays as it is.
std::string canonical(const std::string& text) {
  auto url = net::parse_url(text);
  if (!url) return text;
  url->fragment.reset();
  return url->href();
}

class ReplayFetcher : public Fetcher {
 public:
  ReplayFetcher(const Path& recorded, WarcWriter* archive) : path_(recorded), archive_(archive) {
    WarcReader reader(path_, kMaxRecordBytes);
    while (const auto record = reader.next()) note(*record, reader.place());
    if (reader.torn()) log_warning("{}: its last record is cut off and is left out", path_.string());
    if (now_.empty()) fail("{}: expected an archive with records that bear a date, found none", path_.string());
    if (archive_ != nullptr) write_warcinfo(*archive_, now_);
  }

  std::string now() override { return now_; }

  std::vector<Fetched> fetch(const std::vector<std::string>& urls, const Stopped& stopped) override {
    std::vector<Fetched> results;
    for (const std::string& url : urls) results.push_back(fetch_page(url, stopped && stopped()));
    return results;
  }

  Fetched ask(const std::string& key, const std::string& url, const std::string&, const Stopped&) override {
    Fetched fetched;
    if (const auto found = answers_.find(key); found != answers_.end()) {
      const WarcRecord record = take(found->second);
      fetched = read_note(record).answer;
      fetched.record = record.id;
    } else {
      fetched.refused = kNotInArchive;
    }
    fetched.url = url;
    return fetched;
  }

 private:
  // Of several records of one address the last one counts.
  void note(const WarcRecord& record, WarcPlace place) {
    if (record.date.size() >= 19) now_ = std::max(now_, record.date.substr(0, 19) + "Z");
    const ArchiveNote metadata = read_note(record);
    if (!metadata.key.empty()) answers_[metadata.key] = place;
    const bool page = record.type == "response" || record.type == "resource" || !metadata.refused.empty();
    if (page && !record.target_uri.empty()) pages_[canonical(record.target_uri)] = place;
  }

  // The record, copied into the new archive with its own id and date.
  WarcRecord take(WarcPlace place) {
    WarcReader reader(path_, kMaxRecordBytes, place);
    auto record = reader.next();
    if (!record)
      fail("{}: expected the record at offset {}, found none; was the file changed?", path_.string(), place.offset);
    if (archive_ != nullptr && record->fault.empty()) archive_->append(*record);
    return std::move(*record);
  }

  Fetched fetch_page(const std::string& text, bool stopped) {
    Fetched fetched;
    fetched.url = text;
    if (stopped) {
      fetched.refused = "stopped";
      return fetched;
    }
    fetched.date = now_;
    std::string url = canonical(text);
    std::optional<std::string> next = url;
    for (int hop = 0; next; ++hop) {
      fetched.final_url = url = *next;
      if (hop > FetchLimits().redirects)
        fetched.refused = fmt::format("more than {} redirects", FetchLimits().redirects), next.reset();
      else
        next = step(fetched, url);
    }
    if (!fetched.refused.empty() && !recorded_refusal_ && archive_ != nullptr) {
      Fetched named = fetched;
      named.url = canonical(text);
      if (net::parse_url(named.url)) archive_->append(refusal_record(named, now_));
    }
    return fetched;
  }

  // The address to go on at, where there is one.
  std::optional<std::string> step(Fetched& fetched, const std::string& url) {
    recorded_refusal_ = false;
    const auto found = pages_.find(url);
    if (found == pages_.end()) {
      fetched.refused = kNotInArchive;
      return {};
    }
    const WarcRecord record = take(found->second);
    if (record.type == "metadata") {
      const ArchiveNote metadata = read_note(record);
      recorded_refusal_ = true;
      fetched.refused = metadata.refused;
      fetched.final_url = metadata.answer.final_url;
      fetched.status = metadata.answer.status;
      fetched.content_type = metadata.answer.content_type;
      fetched.date = record.date;
      return {};
    }
    read_answer(record, FetchLimits().max_bytes, fetched);
    if (!record.fault.empty()) fetched.refused = record.fault;
    if (!fetched.refused.empty()) fetched.body.clear(), fetched.record.clear();
    if (fetched.status < 300 || fetched.status > 399) return {};
    const auto base = net::parse_url(url);
    const auto target =
        base ? net::parse_url(read_response(record, kMaxRecordBytes).header("location"), &*base) : std::nullopt;
    if (!target) return {};
    fetched.refused.clear();
    return canonical(target->href());
  }

  Path path_;
  WarcWriter* archive_;
  std::string now_;
  std::map<std::string, WarcPlace> pages_, answers_;
  bool recorded_refusal_ = false;
};

}  // namespace

std::unique_ptr<Fetcher> replay_fetcher(const Path& recorded, WarcWriter* archive) {
  return std::make_unique<ReplayFetcher>(recorded, archive);
}

}  // namespace hadal::research
