// What a run has read: the documents of its index, and which of them are the user's own.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "research/fetch.h"
#include "research/index.h"
#include "research/warc.h"

namespace hadal::research {

class Library {
 public:
  Library() : index_(":memory:") {}

  // Reads what a run has archived already, so that restore() can put it into the index again.
  void read_archive(const Path& archive);
  // The documents whose conversion records stand before `offset` and were not restored yet. `kept`: what the journal
  // says of those that were taken over from an index, of which the archive has the text alone.
  struct Kept {
    std::string title, date, hash;
  };
  void restore(uint64_t offset, const std::map<std::string, Kept>& kept = {});

  struct Added {
    int64_t number = -1;
    std::string snapshot, title, refused;
  };
  // Takes the text out of a page and writes its `conversion` record; why not is said in `refused`.
  Added add_page(const Fetched& page, WarcWriter& archive);

  Index& index() { return index_; }
  const Index& index() const { return index_; }
  void name_kind(const std::string& kind);  // of the documents that came since the last call
  std::string kind(const std::string& url) const;
  void set_public(int64_t document) { public_.insert(document); }
  bool is_public(int64_t document) const { return public_.count(document) > 0; }

 private:
  struct Past {
    uint64_t offset = 0;
    std::string snapshot, hash;
    Document document;
  };
  Index index_;
  std::vector<Past> past_;
  size_t restored_ = 0;
  std::set<int64_t> public_;
  std::map<std::string, std::string> kinds_;  // by url
};

}  // namespace hadal::research
