// What an Index holds open: its file, and what of it was read into memory.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "research/index.h"
#include "research/index/database.h"
#include "research/index/terms.h"

namespace hadal::research {

// A passage's row is its document's number and its place in the document.
inline constexpr int kPlaceBits = 20;
inline int64_t document_of(int64_t row) { return row >> kPlaceBits; }

// Where a term stands. Titles are kept with the first passage of their document.
struct Posting {
  int64_t row = 0;
  uint32_t offset = 0;  // in terms
  bool title = false;
};
using Postings = std::vector<Posting>;  // in the order of the rows; titles first

struct Sizes {
  bool there = false;
  double length = 0;  // of title and text, in terms
};

struct Index::Impl {
  explicit Impl(const Path& file) : database(file) {}

  Database database;
  mutable std::mutex mutex;

  // Memory of what the file holds, dropped when it changes, here or in another process.
  void refresh();
  void forget();
  const Postings& postings(const std::string& term);
  const std::vector<Sizes>& sizes();  // by number of document

  // Where a document's title stands in other texts.
  struct Title {
    int64_t number;
    std::vector<std::string> terms;
  };
  const std::unordered_map<std::string, std::vector<Title>>& titles();  // by their first term
  std::vector<int64_t> titles_in(const std::vector<Term>& terms);       // the longest at each place

  int64_t count = 0, passages = 0;
  double mean_length = 1;

 private:
  int64_t data_version_ = -1;
  size_t cached_bytes_ = 0;
  std::unordered_map<std::string, std::unique_ptr<Postings>> postings_;
  std::vector<Sizes> sizes_;
  std::unordered_map<std::string, std::vector<Title>> titles_;
  bool sizes_read_ = false, titles_read_ = false;
};

// A title without what stands in brackets at its end: "Lilu (mythology)" is named as Lilu.
std::vector<std::string> title_terms(std::string_view title);

struct Scored {
  int64_t key = 0;  // document or row
  double score = 0;
};
std::vector<Scored> rank_documents(Index::Impl& index, std::string_view query, int hops);
std::vector<Scored> rank_passages(Index::Impl& index, std::string_view query, int hops);

}  // namespace hadal::research
