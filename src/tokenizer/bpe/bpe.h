// The core of byte-level BPE: merges the bytes of one pre-token to token ids. Immutable after build(), any thread may
// use it; the cache of pre-tokens is thread-local and bounded.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace hadal {

class Bpe {
 public:
  struct Merge {
    TokenId left, right, merged;
  };

  // `merges` in order of rank. With `ignore_merges`, a pre-token that is a token becomes that token without merging
  // (Llama 3). `token_of` must outlive this object.
  Bpe(const std::array<TokenId, 256>& byte_ids, const std::vector<Merge>& merges, bool ignore_merges,
      const std::unordered_map<std::string_view, TokenId>* token_of);

  // Appends the ids of one pre-token. O(n log n) in its length.
  void encode(std::string_view word, std::vector<TokenId>& out) const;

 private:
  struct Slot {
    uint64_t key = kEmpty;  // left << 32 | right
    uint32_t rank = 0;
    TokenId merged = 0;
  };
  static constexpr uint64_t kEmpty = ~uint64_t{0};

  const Slot* find(TokenId left, TokenId right) const;
  void merge(std::string_view word, std::vector<TokenId>& out) const;
  void merge_short(std::string_view word, std::vector<TokenId>& out) const;
  void merge_long(std::string_view word, std::vector<TokenId>& out) const;

  std::array<TokenId, 256> byte_ids_;
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  bool ignore_merges_;
  const std::unordered_map<std::string_view, TokenId>* token_of_;
  uint32_t owner_;  // distinguishes this object's entries in the caches
};

}  // namespace hadal
