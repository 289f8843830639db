// A source's documents as token ids, made once by all threads and kept in a file of the run's folder. The file's name
// holds a hash of the tokenizer, the source's file (size, time) and its filters, so a change of any makes a new one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/threads.h"
#include "tokenizer/tokenizer.h"
#include "train/data/token_file.h"
#include "train/run/recipe.h"

namespace hadal {

class TokenStore {
 public:
  // Reads the cache, or makes it; a damaged one is made again, with a warning. Says in one line what was read and left
  // out. Throws Error for missing or malformed data, and when the source holds no document for training.
  static TokenStore open(const SourceSpec& source, const Tokenizer& tokenizer, const Path& cache_folder,
                         ThreadPool& pool);

  const std::string& name() const { return name_; }
  bool whole_documents() const { return whole_; }  // dialogues: cut at the end, never in pieces
  int64_t num_documents() const { return static_cast<int64_t>(file_.validation().size()); }
  std::span<const StoredToken> document(int64_t i) const {
    const auto begin = file_.offsets()[static_cast<size_t>(i)], end = file_.offsets()[static_cast<size_t>(i) + 1];
    return file_.tokens().subspan(begin, end - begin);
  }
  bool is_validation(int64_t i) const { return file_.validation()[static_cast<size_t>(i)] != 0; }
  int64_t num_tokens() const { return static_cast<int64_t>(file_.tokens().size()); }

 private:
  std::string name_;
  bool whole_ = false;
  TokenFile file_;
};

// Equal for tokenizers whose ids mean the same: of all tokens' texts, and of a sentence's ids for what the merges do.
uint64_t tokenizer_hash(const Tokenizer& tokenizer);

}  // namespace hadal
