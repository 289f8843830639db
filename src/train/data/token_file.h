// The file in which a source's tokens are kept: the tokens of all documents, where each begins, which are held out,
// what was left out, and at the end a footer with counts and a checksum of all of it. It is read by mapping.
//
//   tokens u32[tokens], padding to 8, offsets u64[documents + 1], held out u8[documents], report, padding to 8, footer
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "tokenizer/tokenizer.h"

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

// Writes document by document; only offsets and marks are held in memory.
class TokenFileWriter {
 public:
  // `key` says what the tokens were made from; ids are below `vocab`.
  TokenFileWriter(const Path& path, uint64_t key, int64_t vocab);
  void add(std::span<const StoredToken> document, bool validation);
  void commit(const std::string& report);
  int64_t num_documents() const { return static_cast<int64_t>(validation_.size()); }
  int64_t num_tokens() const { return static_cast<int64_t>(offsets_.back()); }

 private:
  void write(const void* data, size_t num_bytes);
  void pad();

  WholeFile file_;
  uint64_t key_;
  int64_t vocab_;
  uint64_t bytes_ = 0;
  uint32_t crc_ = 0;
  std::vector<uint64_t> offsets_ = {0};
  std::vector<uint8_t> validation_;
};

class TokenFile {
 public:
  TokenFile() = default;
  // Checks all of it in one pass. Throws Error naming the file when it is damaged, or was made from something else.
  TokenFile(const Path& path, uint64_t key, int64_t vocab);

  std::span<const uint64_t> offsets() const { return offsets_; }  // [documents + 1]
  std::span<const StoredToken> tokens() const { return tokens_; }
  std::span<const uint8_t> validation() const { return validation_; }  // [documents]
  const std::string& report() const { return report_; }

 private:
  MappedFile file_;
  std::span<const uint64_t> offsets_;
  std::span<const StoredToken> tokens_;
  std::span<const uint8_t> validation_;
  std::string report_;
};

}  // namespace hadal
