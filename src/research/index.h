// Full-text search over documents and their passages: SQLite FTS5 with BM25, porter stems, bigrams for Chinese,
// Japanese and Korean. A passage is a few sentences, as a span of bytes of its document's text.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "research/document.h"

namespace hadal::research {

struct Span {
  size_t begin = 0, end = 0;
  bool operator==(const Span&) const = default;
};

// Sentences of a text: never empty, without white space around them, in order, not overlapping. A row of a table, a
// heading and a list item are one each.
std::vector<Span> sentences_of(std::string_view text);

struct IndexedDocument {
  int64_t number = 0;
  Document document;
  std::string hash;                  // of the bytes it was read from
  std::string snapshot;              // id of its conversion record, "" where there is none
  std::vector<std::string> also_at;  // addresses of near-duplicates
};

struct DocumentHit {
  int64_t number = 0;
  std::string id;  // the document's url, or what a line of .jsonl calls it
  double score = 0;
};

struct PassageHit {
  int64_t number = 0;  // of the document
  Span span;
  double score = 0;  // higher is better; comparable within one search
};

struct SearchOptions {
  int64_t k = 10;
  int hops = 1;  // 2: lifts documents whose titles (or link targets) strong passages name, and those that name theirs
};

inline constexpr const char* kIndexFile = "index.db";  // in an index's folder

class Index {
 public:
  explicit Index(const Path& file);  // makes it where it is missing; ":memory:" for one that lives with the object
  ~Index();

  // The number of the document. One with the same url is replaced, one with the same url and hash kept as it is.
  int64_t add(const Document& document, const std::string& hash, const std::string& snapshot = "");
  // Many documents in one transaction: all of what `adds` does, or nothing where it throws.
  void batch(const std::function<void()>& adds);
  bool remove(const std::string& url_or_prefix);  // a document, or all below a folder; false: there was none
  bool has(const std::string& url, const std::string& hash) const;
  std::vector<std::pair<std::string, std::string>> list() const;  // url, title
  IndexedDocument document(int64_t number) const;

  std::vector<DocumentHit> documents(std::string_view query, const SearchOptions& options = {}) const;
  std::vector<PassageHit> passages(std::string_view query, const SearchOptions& options = {}) const;
  // How much a term of content_words() tells: the fewer passages hold it the more. 0: no passage holds it.
  double rarity(std::string_view term) const;
  double most_rarity() const;  // of a term that none holds

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal::research
