// Looking: the sources of a run, its rounds of queries and pages, and the tree of what came of them.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "research/report.h"
#include "research/run.h"
#include "research/run/library.h"
#include "research/run/steps.h"
#include "research/sources/source.h"

namespace hadal::research {

inline constexpr double kSearching = 0.8;  // of the seconds; the rest is kept for writing

struct Query {
  std::string text;
  // Made of the question and of public text alone: sources outside may see it even after private documents were read.
  bool open = true;
};

class Search {
 public:
  // `started`: the date of records of files.
  Search(Steps& steps, Library& library, const RunOptions& options, std::string started);

  // Reads folders and indexes. Error, the first one's, where no source can be used at all.
  void open_sources();
  bool has_pages() const;    // whether a source gives pages to fetch
  bool has_private() const;  // whether the user's own documents were read
  bool pages_spent() const { return pages_ >= options_.budget.pages; }

  // Asks the queries of all sources that were not asked them yet, and reads the best pages that are new. `links`: pages
  // that were found on others. Returns why the run stops; "" where it goes on.
  std::string round(const std::vector<Query>& queries, const std::vector<std::string>& links);

  // Whether the last round read no page, as all that it asked for were refused, and others were named beside them.
  bool deserves_another() const { return read_none_ && !waiting_.empty(); }

  bool seen(const std::string& url) const { return seen_.count(url) > 0; }
  const std::vector<SearchNode>& tree() const { return tree_; }
  const std::vector<Refusal>& refused() const { return refused_; }
  int64_t pages() const { return pages_; }
  uint64_t bytes() const { return bytes_; }

 private:
  struct Opened {
    std::string name;
    bool is_private = false, is_outside = false, usable = false;
    std::unique_ptr<Source> source;  // null until it is asked in this process
  };
  Fetcher& fetcher();
  Source& source(size_t i);
  std::unique_ptr<Source> opened(const std::string& name);
  void open(size_t i);
  OrderedJson described(const Candidate& candidate) const;
  void restore_kept(const OrderedJson& data);
  std::vector<std::vector<Candidate>> ask(size_t source, const Query& query);
  std::vector<std::string> choose(const std::vector<std::vector<Candidate>>& answers,
                                  const std::vector<std::string>& links);
  void fetch(const std::vector<std::string>& urls);
  void take_page(const OrderedJson& page);
  bool is_remote() const;  // whether pages come from servers, which are spared
  void refuse(const std::string& url, const std::string& why);

  Steps& steps_;
  Library& library_;
  const RunOptions& options_;
  std::string started_;
  std::unique_ptr<Fetcher> fetcher_;
  std::vector<std::string> names_;  // of the sources, as they are opened; "" is the replayed archive
  std::vector<Opened> sources_;
  std::set<std::pair<size_t, std::string>> asked_;
  std::set<std::string> seen_;
  std::vector<Candidate> waiting_;  // that a round had no place for
  bool read_none_ = false;
  std::vector<SearchNode> tree_;
  std::vector<Refusal> refused_;
  int64_t pages_ = 0, tried_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace hadal::research
