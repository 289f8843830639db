// Where a run looks: search servers, wikis, an index, a folder of the user's own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "research/fetch.h"
#include "research/index.h"

namespace hadal::research {

// One answer of a source. Either an address to fetch, or a document of the user's own, read already.
struct Candidate {
  std::string url, title;
  int64_t document = -1;  // of the run's index: nothing is fetched
};

class Source {
 public:
  virtual ~Source() = default;
  virtual std::string name() const = 0;  // as the user named it: "folder:notes"
  virtual bool is_private() const = 0;   // its documents are the user's own: queries to outside must not show them
  virtual bool is_outside() const = 0;   // its queries leave this process
  // Best first. Error, one sentence with what to do, where it cannot answer ("... answered 403; add json to
  // search.formats of its settings").
  virtual std::vector<Candidate> search(const std::string& query, int64_t limit,
                                        const std::function<bool()>& stopped) = 0;
  // What it was opened with and could not read: url and why.
  virtual std::vector<std::pair<std::string, std::string>> unread() const { return {}; }
};

// "searx:URL", "brave" (BRAVE_API_KEY; HADAL_BRAVE_URL leads it elsewhere), "mediawiki:URL", "index:DIR",
// "folder:PATH". Error naming all kinds, with a line that works for each, for another one or none. A folder is read
// into `index`, each document with its `resource` and `conversion` records in `archive`; symbolic links are not
// followed. Of an index the documents that a search finds are taken over, with a `conversion` record alone.
struct SourceContext {
  Fetcher& fetcher;
  Index& index;
  WarcWriter* archive = nullptr;
  Path replay = {};  // folders and indexes are read from this archive, as they were, and not from the disk
  std::string date =
      {};  // of the records of files; "": now. With the date of its start a resumed run writes none twice
};
std::unique_ptr<Source> open_source(const std::string& text, SourceContext context);
// All pages of an archive that is replayed, searched as a source.
std::unique_ptr<Source> archive_source(const Path& warc, SourceContext context);

// What a `response` or `resource` record holds, for extract(). Error where it is neither.
RawDocument raw_document(const WarcRecord& record);

// One ranking of several, by reciprocal rank (k = 60); of one site at most `per_site`.
std::vector<Candidate> fuse(const std::vector<std::vector<Candidate>>& answers, size_t per_site);

}  // namespace hadal::research
