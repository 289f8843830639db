// A source's documents as token ids, made once by all threads and kept in a file of the run's folder. The file's name
// holds a hash of the tokenizer, the source's file (size, time) and its filters, so a change of any makes a new one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/threads.h"
#include "tokenizer/tokenizer.h"
#include "train/recipe.h"

namespace hadal {

// A token of a document: its id, and who learns it.
struct StoredToken {
  uint32_t bits = 0;
  StoredToken(TokenId id, bool spoken, bool context) : bits(static_cast<uint32_t>(id) << 2 | context << 1 | spoken) {}
  TokenId id() const { return static_cast<TokenId>(bits >> 2); }
  bool spoken() const { return bits & 1; }   // by the assistant; all tokens of plain text
  bool context() const { return bits & 2; }  // of a message with weight 0: learnt under no mask
  bool learnt(bool assistant_only) const { return !context() && (spoken() || !assistant_only); }
};
static_assert(sizeof(StoredToken) == sizeof(uint32_t));

class TokenStore {
 public:
  // Throws Error for missing or malformed data, and when the source holds no document for training.
  static TokenStore open(const SourceSpec& source, const Tokenizer& tokenizer, const Path& cache_folder,
                         ThreadPool& pool);

  const std::string& name() const { return name_; }
  bool whole_documents() const { return whole_; }  // dialogues: cut at the end, never in pieces
  int64_t num_documents() const { return static_cast<int64_t>(offsets_.size()) - 1; }
  std::span<const StoredToken> document(int64_t i) const {
    return tokens_.subspan(offsets_[static_cast<size_t>(i)],
                           offsets_[static_cast<size_t>(i) + 1] - offsets_[static_cast<size_t>(i)]);
  }
  bool is_validation(int64_t i) const { return validation_[static_cast<size_t>(i)] != 0; }
  int64_t num_tokens() const { return static_cast<int64_t>(tokens_.size()); }

 private:
  std::string name_;
  bool whole_ = false;
  MappedFile file_;
  std::span<const uint64_t> offsets_;  // [documents + 1]
  std::span<const StoredToken> tokens_;
  std::span<const uint8_t> validation_;  // [documents]
};

}  // namespace hadal
